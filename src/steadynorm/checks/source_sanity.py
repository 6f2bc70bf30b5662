"""SN9 in source: what keeps a network from training, whatever its normalization does."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.checks import source_torch as torch
from steadynorm.checks.registry import check, sighted
from steadynorm.checks.source_words import Words, seen, worded
from steadynorm.evidence import Evidence
from steadynorm.finding import Finding

SMALLEST_DEVIATION = 0.01
LARGEST_DEVIATION = 0.2
"""Standard deviations of initial weights outside of which activations vanish or explode in plain networks."""

_WHERE_SHUFFLED = {
    "keras": "Shuffle: dataset.shuffle(len(x)) before batch(), or fit(..., shuffle=True) with arrays.",
    "jax": "Shuffle: dataset.shuffle(...) before batch(), or a permutation of the indices in every epoch.",
    "torch": "Write DataLoader(..., shuffle=True).",
    "tensorflow": "Shuffle: dataset.shuffle(...) before batch().",
}

_INITIALIZERS = {
    "keras": "he_normal or glorot_uniform",
    "jax": "he_normal or glorot_uniform",
    "torch": "nn.init.kaiming_normal_ or nn.init.xavier_uniform_",
    "tensorflow": "he_normal or glorot_uniform",
}

_RANGE: Words = {
    (framework, ""): (
        "the targets are in {targets} and the output is that of a {activation}, which is in {outputs}",
        "Use {right} at the output, or scale the targets to {outputs}.",
    )
    for framework in ("keras", "jax", "torch", "tensorflow")
}
_TWICE: Words = {
    (framework, "twice"): (
        "'{subject}' takes the {own} itself, and the model's output is that of a {activation} already: its values lie "
        "within 1 of each other, so that the loss cannot come near 0",
        "Leave the model's last {activation} out, and take it where probabilities are wanted.",
    )
    for framework in ("jax", "tensorflow", "torch")
}


@check("SN903", "program")
def range_in_source(evidence: Evidence) -> Iterator[Finding]:
    """Targets outside of what the last activation gives, or in a part of it only."""
    yield from worded(evidence, "SN903", {**_RANGE, **_TWICE, **torch.RANGE})


@check("SN905", "program")
def scale_of_weights_in_source(evidence: Evidence) -> Iterator[Finding]:
    """Initial weights that are far too large or too small."""
    for each in seen(evidence, "SN905"):
        deviation = each.facts.get("deviation")
        if not isinstance(deviation, int | float) or SMALLEST_DEVIATION <= deviation <= LARGEST_DEVIATION:
            continue
        # A graph's weights are named by what draws them.
        weights = f"{'from' if each.framework == 'tensorflow' else 'of'} '{each.facts.get('layer', each.subject)}'"
        yield sighted(
            each,
            f"the weights {weights} begin with deviation {deviation:g}, outside of "
            f"{SMALLEST_DEVIATION:g} to {LARGEST_DEVIATION:g}: the first steps are spent on their scale",
            f"Use an initializer that knows the layer's size, {_INITIALIZERS[each.framework]}.",
        )


@check("SN906", "program")
def order_in_source(evidence: Evidence) -> Iterator[Finding]:
    """Training data that come in their order."""
    for each in seen(evidence, "SN906"):
        yield sighted(
            each,
            "the training takes its data in their order: neighbours in a batch are alike, and its moments are not "
            "those of the data",
            _WHERE_SHUFFLED[each.framework],
        )
