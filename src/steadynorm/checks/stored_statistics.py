"""SN1 and SN2 in checkpoints: whether the statistics were ever updated, how often, and by which of two networks."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from steadynorm.checks.causes import RESIDUAL_THRESHOLD, valid
from steadynorm.checks.registry import check, finding
from steadynorm.checks.stored_causes import (
    decays,
    graph_explains,
    has_parameters,
    is_copy,
    lost_since,
    never_moved,
    was_trained,
)
from steadynorm.checks.stored_remedies import losing, updating
from steadynorm.checks.wording import many
from steadynorm.evidence import Evidence, Layer
from steadynorm.finding import Certainty, Finding, Severity

HARMFUL_SHARE = 0.05
"""Share of the initial value, in units of what the average should be, from which on it costs accuracy."""

_TRAIN_ON = {"torch": "Call model.train() after every evaluation: the first model.eval() was not undone"}

FEW_UPDATES = 0.5
"""Updates per optimizer step below which the statistics did not take part in the training."""

FEWEST_UPDATES = 10
"""With fewer a decay that leaves nothing of the initial value leaves the last batches alone."""

COUNT_TOLERANCE = 0.02


@check("SN103", "stored")
def statistics_at_initialization(evidence: Evidence) -> Iterator[Finding]:
    """Mean exactly 0 and variance exactly 1 in layers whose weights have been trained."""
    stored = evidence.stored
    assert stored is not None
    if stored.averaged:
        return  # SN305 names the cause
    twins = {layer.name for pair in _twins(evidence) for layer in pair}
    layers = [
        layer
        for layer in evidence.layers
        if never_moved(layer)
        and (was_trained(layer) or (not has_parameters(layer) and (stored.steps or 0) > 0))
        and not layer.frozen
        and "Frozen" not in layer.kind
        and not is_copy(evidence, layer)
        and not graph_explains(evidence, layer)
        and not lost_since(evidence, layer)
        and layer.name not in twins
    ]
    if not layers:
        return
    counts = {layer.statistics.updates for layer in layers if layer.statistics}
    history = f" after {many(stored.steps, noun='step')}" if stored.steps else ""
    if counts == {0}:
        history += "; the layers count 0 updates, so they never ran in training mode or their buffers were lost"
    folded = [layer for layer in layers if _may_be_folded(evidence, layer)]
    proven = not folded and all(was_trained(layer) for layer in layers)
    settle = "compare with an earlier checkpoint: --before"
    if folded:
        settle = (
            "look up whether the model has FrozenBatchNorm layers, which keep no count of updates either: then the "
            "statistics were folded into weight and bias, and nothing is wrong; or " + settle
        )
    yield finding(
        "SN103",
        [layer.name for layer in layers],
        f"{many(layers, 'have', of=evidence.layers)} trained weights but statistics at their initial values, "
        f"mean 0 and variance 1{history}",
        "Re-estimate the statistics ('steadynorm repair'), then find where they were lost: "
        f"{losing(evidence.framework)}.",
        evidence={"steps": stored.steps, "updates": sorted(str(count) for count in counts)},
        severity=Severity.WARNING if len(folded) == len(layers) else None,
        certainty=Certainty.PROVEN if proven else Certainty.LIKELY,
        settle=None if proven else settle,
    )


@check("SN104", "stored")
def statistics_lag(evidence: Evidence) -> Iterator[Finding]:
    """An average that still holds a part of the value that it began with: decay^updates."""
    found = {}
    for layer in evidence.layers:
        updates = _updates(evidence, layer)
        if not decays(layer) or not updates or layer.frozen or not valid(layer) or never_moved(layer):
            continue
        share = float((layer.config.decay or 0.0) ** updates)
        if share > RESIDUAL_THRESHOLD and _may_hold(layer, share) and not is_copy(evidence, layer):
            found[layer.name] = share
    if not found:
        return
    worst = evidence.layer(max(found, key=lambda name: found[name]))
    share, updates, decay = found[worst.name], _updates(evidence, worst) or 1, worst.config.decay or 0.0
    assert worst.statistics is not None
    # What is left of variance 1 counts in units of the variance that it is part of.
    weight = max(1.0, 1 / max(float(np.median(worst.statistics.variance)), 1e-3))
    enough = RESIDUAL_THRESHOLD ** (1 / updates)
    harmful = share * weight > HARMFUL_SHARE
    times = "1 update" if updates == 1 else f"{updates} updates"
    advice = (
        f"Use a decay of at most {enough:.3g} (PyTorch momentum of at least {1 - enough:.2g}) for a run of this "
        "length, or"
        if updates >= FEWEST_UPDATES
        else f"A run of {times} is too short for an average to settle with any decay: train for longer, or use"
    )
    yield finding(
        "SN104",
        found,
        f"after {times} with decay {decay:g} {100 * share:.2g} % of the value that the average began with is "
        f"still in the statistics of {many(found)}",
        f"{advice} an average that is debiased (divided by 1 − decay^updates), which has none of it left; repair "
        "this model by re-estimating the statistics: 'steadynorm repair'.",
        evidence={"decay": decay, "updates": updates, "residual": share, "decay_that_would_do": enough},
        severity=Severity.WARNING if harmful else Severity.INFO,
        certainty=Certainty.LIKELY,
        settle="if the run began with the statistics of a pre-training, pass that checkpoint: --before",
    )


@check("SN202", "stored")
def few_updates(evidence: Evidence) -> Iterator[Finding]:
    """All layers counted the same number of updates, and far fewer than the optimizer counted steps."""
    counts = _counts(evidence)
    steps = evidence.stored.steps if evidence.stored is not None else None
    if not counts or not steps or len(set(counts.values())) != 1:
        return
    updates = next(iter(counts.values()))
    trained = [name for name in counts if was_trained(evidence.layer(name)) and not evidence.layer(name).frozen]
    # Statistics that were never counted but are there came with a pre-training, and were left alone on purpose.
    if trained and 0 < updates < FEW_UPDATES * steps:
        yield finding(
            "SN202",
            trained,
            f"{many(trained, 'count')} {many(updates, noun='update')} of their statistics in {steps} optimizer "
            "steps: from then on they trained in inference mode",
            f"{_TRAIN_ON.get(evidence.framework, f'Train with {updating(evidence.framework)} to the end')}. If the "
            "layers were frozen on purpose, nothing.",
            evidence={"updates": updates, "steps": steps},
            severity=Severity.WARNING,
            certainty=Certainty.LIKELY,
            settle="diagnose the live model with its train step, which shows the mode of each layer",
        )


@check("SN105", "stored")
def many_updates(evidence: Evidence) -> Iterator[Finding]:
    """Layers that counted twice as many updates as the optimizer steps."""
    counts = _counts(evidence)
    steps = evidence.stored.steps if evidence.stored is not None else None
    if not steps:
        return
    twice = [name for name, count in counts.items() if abs(count / steps - 2) < COUNT_TOLERANCE]
    if twice:
        yield finding(
            "SN105",
            twice,
            f"{many(twice, 'count')} {many(counts[twice[0]], noun='update')} of their statistics in "
            f"{many(steps, noun='optimizer step')}: two per step",
            "If activation checkpointing, SAM or an extra forward pass runs them twice on the same input, let only the "
            "first pass update. Gradient accumulation over two batches, or a layer that is used twice, counts the "
            "same and is harmless.",
            evidence={"updates": counts[twice[0]], "steps": steps, "layers": len(twice)},
            severity=Severity.INFO,
            certainty=Certainty.LIKELY,
            settle="diagnose the live model with its train step, which tells repeated inputs from new ones",
        )


@check("SN206", "stored")
def variables_not_shared(evidence: Evidence) -> Iterator[Finding]:
    """Two networks of one build in a checkpoint, of which one was trained and the other never touched."""
    pairs = _twins(evidence)
    if pairs:
        yield finding(
            "SN206",
            [untouched.name for _, untouched in pairs],
            f"the checkpoint holds every weight twice: {many(pairs, 'were')} trained ('{pairs[0][0].name}') and as "
            f"many others of the same shapes are untouched ('{pairs[0][1].name}')",
            "Build the network once, or the second time with reuse=True in the same scope: what was built for "
            "inference reads variables of its own that training never wrote.",
            evidence={"pairs": {untouched.name: trained.name for trained, untouched in pairs}},
            certainty=Certainty.LIKELY,
            settle="check the graph (.meta) beside the checkpoint: it shows which network inference reads",
        )


def _may_be_folded(evidence: Evidence, layer: Layer) -> bool:
    """Whether it may be a layer of PyTorch whose statistics were folded into its scale and offset, to be frozen.

    These count no updates; a layer that trains has counted them since PyTorch 0.4.1.
    """
    return evidence.framework == "torch" and layer.statistics is not None and layer.statistics.updates is None


def _may_hold(layer: Layer, share: float) -> bool:
    """Whether that share of variance 1 can be in the average: then no channel has less.

    An average that began with the statistics of a pre-training has channels with less.
    """
    return layer.statistics is not None and bool(np.all(layer.statistics.variance >= (1 - 1e-3) * share))


def _updates(evidence: Evidence, layer: Layer) -> int | None:
    """How often the layer's statistics were updated, as far as the files tell."""
    stored, graph = evidence.stored, evidence.graph
    if layer.statistics is not None and layer.statistics.updates is not None:
        # What TensorFlow counts is for debiasing, and leaves nothing of the initial value.
        return None if evidence.framework == "tensorflow" else layer.statistics.updates
    if stored is None or stored.steps is None:
        return None
    if evidence.framework == "keras":
        return stored.steps
    if graph is not None and any(each.layer == layer.name and each.steps for each in graph.updates):
        return stored.steps
    return None


def _counts(evidence: Evidence) -> dict[str, int]:
    """Updates by layer, where the layers count them."""
    return {
        layer.name: layer.statistics.updates
        for layer in evidence.layers
        if layer.statistics is not None and layer.statistics.updates is not None and not is_copy(evidence, layer)
    }


def _twins(evidence: Evidence) -> list[tuple[Layer, Layer]]:
    """Pairs of a trained layer and its untouched twin, if the whole file is such a pair of networks."""
    stored = evidence.stored
    if stored is None or not stored.doubled or evidence.framework not in ("tensorflow", "keras"):
        return []
    if evidence.graph is not None and evidence.graph.layers:
        return []  # the graph shows it itself
    own = [layer for layer in evidence.layers if layer.statistics is not None and not is_copy(evidence, layer)]
    untouched = [layer for layer in own if never_moved(layer) and not was_trained(layer)]
    trained = [layer for layer in own if not never_moved(layer)]
    if not trained or len(trained) != len(untouched) or len(trained) + len(untouched) != len(own):
        return []
    pairs = list(zip(trained, untouched, strict=True))
    fits = all(_stem(first.name) == _stem(second.name) and first.channels == second.channels for first, second in pairs)
    return pairs if fits else []


def _stem(name: str) -> str:
    """The last part of a name without numbers: twins differ in the rest."""
    return re.sub(r"[_\d]+$", "", re.split(r"[/.]", name)[-1])
