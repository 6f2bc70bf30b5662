"""SN905, SN907: the scale of weights, activations, gradients and terms of the loss before training."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from steadynorm.checks.registry import check, finding
from steadynorm.checks.source_sanity import LARGEST_DEVIATION, SMALLEST_DEVIATION
from steadynorm.evidence import Evidence
from steadynorm.experiments.records import FirstPass, Weight
from steadynorm.finding import Certainty, Finding, Severity

LARGEST_GAIN = 8.0
SMALLEST_GAIN = 0.02
"""Deviation times the root of the inputs: by this a layer scales what passes. He's initialization has 1.41, PyTorch's
own 0.58; a small one is usual in last layers and before sines of 30 times the sum (0.047), and a large one nowhere."""

FAR_FROM_CHANCE = 2.0
"""A first loss over this many times that of chance comes from the scale of the outputs."""

VANISHED = 1e-4
"""The typical gradient of the first third of the weights, over that of the last third, below which it has vanished."""

LEAST_WEIGHTS = 6
"""With fewer weights the thirds are too small."""

SPREAD_OF_TERMS = 1000.0
"""Gradients of terms that differ by more than this."""


@check("SN905", "experiments", layers=False)
def first_steps_not_finite(evidence: Evidence) -> Iterator[Finding]:
    """The loss or a parameter is not finite within the first steps."""
    assert evidence.experiments is not None
    step = evidence.experiments.bad_step
    if step:
        yield finding(
            "SN905",
            (),
            f"step {step} of the training leaves a loss or a parameter that is not a finite number",
            "Lower the learning rate, or warm it up; look at the scale of inputs and initial weights, and for a "
            "logarithm or a division by what may be zero in the loss.",
            evidence={"step": step},
            severity=Severity.ERROR,
        )
    loss = evidence.experiments.first.loss
    if not step and loss is not None and not math.isfinite(loss):
        yield finding(
            "SN905",
            (),
            f"the first loss is {loss:g}, before any step",
            "Look at the scale of inputs and initial weights, and for a logarithm or a division by what may be zero in "
            "the loss.",
            evidence={"loss": loss},
            severity=Severity.ERROR,
        )


@check("SN905", "experiments", layers=False)
def scale_before_training(evidence: Evidence) -> Iterator[Finding]:
    """Weights, activations, gradients or the first loss that are far from what a network can begin with."""
    assert evidence.experiments is not None
    first = evidence.experiments.first
    if first.trained:
        return  # the scale of trained weights is what training made it
    yield from _broken_activations(first)
    yield from _weights(first)
    yield from _loss(first)
    yield from _gradients(first)


def _broken_activations(first: FirstPass) -> Iterator[Finding]:
    broken = next((each for each in first.activations if not math.isfinite(each.deviation)), None)
    if broken is not None:
        yield finding(
            "SN905",
            [broken.name],
            f"the outputs of '{broken.name}' ({broken.kind}) are not finite in the first pass",
            "Look at the scale of its weights and of what it is fed.",
            evidence={"layer": broken.name, "kind": broken.kind},
            severity=Severity.ERROR,
        )


def _weights(first: FirstPass) -> Iterator[Finding]:
    wrong = [each for each in first.weights if _is_wrong(each)]
    if wrong:
        worst = max(wrong, key=lambda each: abs(math.log(_gain(each))))
        yield finding(
            "SN905",
            [each.name for each in wrong],
            f"the weights of {len(wrong)} of {len(first.weights)} layers begin with the wrong scale: '{worst.name}' "
            f"has deviation {worst.deviation:.3g} with {worst.inputs} inputs and so scales by {_gain(worst):.3g}",
            "Use an initializer that knows the layer's size, he_normal (kaiming_normal_) or glorot_uniform "
            "(xavier_uniform_).",
            evidence={each.name: {"deviation": each.deviation, "inputs": each.inputs} for each in wrong},
        )


def _is_wrong(weight: Weight) -> bool:
    """Whether a weight is outside both of what its size calls for and of what is usual; zero is meant to be zero."""
    usual = SMALLEST_DEVIATION <= weight.deviation <= LARGEST_DEVIATION
    if weight.deviation == 0 or usual or not math.isfinite(weight.deviation):
        return False
    return not SMALLEST_GAIN <= _gain(weight) <= LARGEST_GAIN


def _gain(weight: Weight) -> float:
    return weight.deviation * math.sqrt(weight.inputs)


def _loss(first: FirstPass) -> Iterator[Finding]:
    if first.loss is None or first.chance is None or first.classes is None or math.isnan(first.loss):
        return
    expected = math.log(first.classes)
    is_mean_entropy = math.isclose(first.chance, expected, rel_tol=1e-3)
    if is_mean_entropy and not first.loss <= FAR_FROM_CHANCE * expected:
        yield finding(
            "SN905",
            (),
            f"the first loss is {first.loss:.3g}; chance gives ln({first.classes}) = {expected:.3g}: the outputs begin "
            "too large, and the first steps only make them smaller",
            "Scale down the last layer's initial weights, or normalize the inputs.",
            evidence={"loss": first.loss, "chance": expected, "classes": first.classes},
        )


def _gradients(first: FirstPass) -> Iterator[Finding]:
    # A gradient of exactly zero is that of a branch that begins at zero on purpose.
    scales = [each.gradient for each in first.weights if each.gradient]
    if len(scales) < LEAST_WEIGHTS:
        return
    third = len(scales) // 3
    early, late = _middle(scales[:third]), _middle(scales[-third:])
    if early < VANISHED * late or late < VANISHED * early:
        vanish = early < late
        yield finding(
            "SN905",
            (),
            f"gradients {'vanish' if vanish else 'explode'} on the way back: {early:.2g} in the first third of the "
            f"weights, {late:.2g} in the last third (root mean squares)",
            "Use ReLU in place of sigmoid or tanh, he_normal (kaiming_normal_) initial weights, residual connections, "
            "or normalization after each layer.",
            evidence={"early": early, "late": late, "weights": len(scales)},
        )


def _middle(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


@check("SN907", "experiments", layers=False)
def terms_out_of_scale(evidence: Evidence) -> Iterator[Finding]:
    """The loss is a sum of terms of which one drowns out another."""
    assert evidence.experiments is not None
    terms = {
        name: term
        for name, term in evidence.experiments.first.terms.items()
        if term.gradient is not None and term.gradient
    }
    if len(terms) < 2:
        return
    small, large = (pick(terms, key=lambda name: terms[name].gradient or 0.0) for pick in (min, max))
    ratio = (terms[large].gradient or 0.0) / (terms[small].gradient or 1.0)
    if ratio > SPREAD_OF_TERMS:
        yield finding(
            "SN907",
            (),
            f"the gradient of '{large}' is {ratio:,.0f} times that of '{small}' (values {terms[large].value:.3g} and "
            f"{terms[small].value:.3g}): '{small}' does not take part in the training",
            f"Weigh the terms so that their gradients are of one order: here {1 / ratio:.1g} for '{large}', or means "
            "in place of sums.",
            evidence={name: {"value": term.value, "gradient": term.gradient} for name, term in terms.items()},
            certainty=Certainty.LIKELY,
            settle="whether the small term is meant to be a small push, as weight decay is",
        )
