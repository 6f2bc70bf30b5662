"""SN3: checks on what files and copies carry along."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.checks.causes import (
    RESIDUAL_THRESHOLD,
    ageing,
    copied_from_elsewhere,
    fits_without_initial_value,
    is_slow,
    outrun,
    residual,
    valid,
)
from steadynorm.checks.distance import mismatched
from steadynorm.checks.registry import check, finding
from steadynorm.checks.wording import many
from steadynorm.evidence import Evidence
from steadynorm.finding import Certainty, Finding

CLOSED = 0.2
"""Share of the gap that re-estimated statistics must close before they are blamed without another sign."""


@check("SN305", "calls", "source")
def averaged_weights_without_statistics(evidence: Evidence) -> Iterator[Finding]:
    """Averaged or copied weights whose statistics do not fit them."""
    source = evidence.source
    assert source is not None
    layers = [layer for layer, _ in mismatched(evidence) if valid(layer) and copied_from_elsewhere(evidence, layer)]
    if not layers:
        return
    initial = sum(1 for layer in layers if layer.statistics and layer.statistics.at_initialization)
    copied = sum(1 for layer in layers if layer.name in source.same_statistics)
    yield finding(
        "SN305",
        [layer.name for layer in layers],
        f"the weights are {source.description}, and the statistics of {many(layers)} do not fit them "
        f"({initial} at their initial values, {copied} equal to the source's)",
        "Re-estimate them for the averaged weights: steadynorm.recalibrate(model, train_data).",
        evidence={"at_initialization": initial, "equal_to_source": copied},
    )


@check("SN305", "calls", "gap")
def statistics_of_other_weights(evidence: Evidence) -> Iterator[Finding]:
    """Statistics that do not fit, re-estimation repairs it, and no other cause is in sight."""
    trial = evidence.trial("recalibrate")
    if evidence.source is not None or trial is None or (trial.share or 0.0) < CLOSED:
        return
    layers = []
    for layer, _ in mismatched(evidence):
        lagging = (
            (residual(layer) or 0.0) > RESIDUAL_THRESHOLD
            or fits_without_initial_value(evidence, layer)
            or outrun(evidence, layer) is not None
        )
        if ageing(evidence, layer) and not lagging and not is_slow(layer):
            layers.append(layer.name)
    if layers:
        # Without a train step nobody has seen how fast the weights move: SN104 is as likely then.
        outrun_too = evidence.steps is None
        yield finding(
            "SN305",
            layers,
            f"the statistics of {many(layers)} do not fit what they are fed, though their average is fast "
            "enough for a usual training: they belong to other weights or to other data"
            + (", or, as likely, the weights moved faster than the average follows (SN104)" if outrun_too else ""),
            "Re-estimate them: steadynorm.recalibrate(model, train_data); then look for what changed the weights after "
            "training (averaging, pruning, conversion, a partly loaded checkpoint)"
            + (", or lower the learning rate towards the end." if outrun_too else "."),
            evidence={"layers": layers},
            certainty=Certainty.LIKELY,
            settle=(
                "pass train_step and optimizer, which show whether the weights outrun the average (SN104), and "
                if outrun_too
                else ""
            )
            + "pass source_model, the model that these weights were averaged or copied from",
        )
