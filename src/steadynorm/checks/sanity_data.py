"""SN903, SN906, SN908: the range of the outputs, the order of the data, and what the loss reaches."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from steadynorm.checks.registry import check, finding
from steadynorm.evidence import Evidence
from steadynorm.experiments.broadcasting import pairs_samples
from steadynorm.experiments.records import FirstPass, Range, Resemblance
from steadynorm.experiments.trainee import ENLARGED
from steadynorm.finding import Certainty, Finding, Severity
from steadynorm.report.words import counted

STANDARD_DEVIATIONS = 6.0
"""By so many the order of the data must stand out from random orders."""

LABEL_EXCESS = 0.2
CORRELATION = 0.2
"""And by so much: the share of neighbours with one label, the mean correlation of neighbours."""

LEAST_OPEN = 0.1
"""The largest output, over the deviation that outputs were brought to, from which they have no upper bound."""

SATURATED = 0.99
"""An output that comes this near to its bound shows where that is."""

_BETWEEN = {
    "keras": "keras.ops.stop_gradient, argmax, rounding or a conversion to NumPy",
    "tensorflow": "tf.stop_gradient, argmax, rounding, a cast to integers or tf.compat.v1.py_func",
}
_SQUEEZED = {
    "keras": "keras.ops.squeeze(output, -1), or keras.ops.expand_dims(target, 1)",
    "tensorflow": "tf.squeeze(output, -1), or tf.expand_dims(target, 1)",
}
"""What the remedies call things; where a framework is not named here they speak of PyTorch."""

_BOUNDS = {"sigmoid": Range(0.0, 1.0), "tanh": Range(-1.0, 1.0), "ReLU": Range(0.0, math.inf)}


@check("SN903", "experiments", layers=False)
def targets_out_of_range(evidence: Evidence) -> Iterator[Finding]:
    """Targets that the activation at the output cannot give, or of which it needs half."""
    assert evidence.experiments is not None
    first = evidence.experiments.first
    activation = bounds_of(first)
    targets = first.targets
    if activation is None or targets is None:
        return
    bounds = _BOUNDS[activation]
    margin = 0.01 * (min(bounds.high, targets.high) - bounds.low)
    outside = targets.low < bounds.low - margin or targets.high > bounds.high + margin
    halved = activation == "tanh" and targets.low >= 0 and SATURATED <= targets.high <= 1
    if not outside and not halved:
        return
    shown = f"the targets are in [{targets.low:.3g}, {targets.high:.3g}]"
    yield finding(
        "SN903",
        (),
        f"the outputs are bounded like a {activation}'s, in [{bounds.low:g}, {bounds.high:g}], and {shown}"
        + ("" if outside else ": half of the range is never wanted"),
        f"Scale the targets to [{bounds.low:g}, {bounds.high:g}], or use "
        + ("a sigmoid at the output." if halved else "an activation at the output that has their range, or none."),
        evidence={"activation": activation, "targets": [targets.low, targets.high]},
        severity=None if outside else Severity.WARNING,
    )


def bounds_of(first: FirstPass) -> str | None:
    """The activation whose bounds the outputs show; `None` where they show none."""
    seen = first.outputs
    if seen is None:
        return None
    if -1e-6 <= seen.low <= 1 - SATURATED and SATURATED <= seen.high <= 1 + 1e-6:
        return "sigmoid"
    if -1 - 1e-6 <= seen.low <= -SATURATED and SATURATED <= seen.high <= 1 + 1e-6:
        return "tanh"
    if -1e-6 <= seen.low <= 1 - SATURATED and seen.high >= LEAST_OPEN * ENLARGED:
        return "ReLU"
    return None


@check("SN906", "experiments", layers=False)
def data_in_order(evidence: Evidence) -> Iterator[Finding]:
    """Neighbours in the training data resemble each other."""
    assert evidence.experiments is not None
    for each in evidence.experiments.order:
        excess = each.neighbours - each.shuffled
        least = LABEL_EXCESS if each.what == "labels" else CORRELATION
        if excess > max(least, STANDARD_DEVIATIONS * each.error):
            yield finding(
                "SN906",
                (),
                f"{_alike(each)}: the data come in an order, and a batch is no sample of all",
                "Shuffle the training data anew in every epoch; where the task needs the order, say sequential=True "
                "(--sequential).",
                evidence={
                    "what": each.what,
                    "neighbours": each.neighbours,
                    "shuffled": each.shuffled,
                    "error": each.error,
                    "samples": each.samples,
                },
            )
            return


def _alike(seen: Resemblance) -> str:
    if seen.what == "targets":
        return (
            f"the targets of neighbours among {seen.samples} training samples correlate by {seen.neighbours:.2f} "
            f"({seen.shuffled:.2f} in random order)"
        )
    if seen.what == "labels":
        return (
            f"of {seen.samples} training samples {seen.neighbours:.0%} have the label of the one before "
            f"({seen.shuffled:.0%} in random order)"
        )
    return (
        f"neighbours among {seen.samples} training samples correlate by {seen.neighbours:.2f} "
        f"({seen.shuffled:.2f} in random order)"
    )


@check("SN908", "experiments", layers=False)
def not_connected(evidence: Evidence) -> Iterator[Finding]:
    """Parameters that the loss does not reach."""
    assert evidence.experiments is not None
    first, framework = evidence.experiments.first, evidence.framework
    if first.loss is None:
        return
    if first.without_gradient:
        names = first.without_gradient
        yield finding(
            "SN908",
            names,
            f"{_parameters(names)} of layers that are called {'get' if len(names) > 1 else 'gets'} no gradient: "
            "nothing on the way to the loss can be differentiated",
            f"Look for {_BETWEEN.get(framework, 'detach(), no_grad(), argmax, rounding or a conversion to NumPy')} "
            "between these layers and the loss; freeze the parameters if it is meant.",
            evidence={"parameters": list(names)},
        )
    elif first.not_called:
        names = first.not_called
        yield finding(
            "SN908",
            names,
            f"{_parameters(names)} {'belong' if len(names) > 1 else 'belongs'} to layers that the training does not "
            "call",
            "Call the layers or remove them"
            + ("; DistributedDataParallel stops at parameters without a gradient." if framework == "torch" else "."),
            evidence={"parameters": list(names)},
            severity=Severity.WARNING,
            certainty=Certainty.LIKELY,
            settle="whether another kind of batch calls them",
        )


def _parameters(names: Sequence[str]) -> str:
    first = f" (first '{names[0]}')" if len(names) > 1 else f" ('{names[0]}')"
    return counted(len(names), "trainable parameter") + first


@check("SN908", "experiments", layers=False)
def silent_broadcasting(evidence: Evidence) -> Iterator[Finding]:
    """The loss compares each prediction with the targets of the others."""
    assert evidence.experiments is not None
    first = evidence.experiments.first
    if first.output_shape is None or first.target_shape is None:
        return
    if first.coupled and pairs_samples(first.output_shape, first.target_shape):
        yield finding(
            "SN908",
            (),
            f"the predictions have the shape {first.output_shape} and the targets {first.target_shape}: the loss "
            "broadcasts them, and compares each prediction with the targets of all samples",
            "Give both one shape before the loss: "
            f"{_SQUEEZED.get(evidence.framework, 'output.squeeze(-1), or target[:, None]')}.",
            evidence={"output_shape": list(first.output_shape), "target_shape": list(first.target_shape)},
        )
