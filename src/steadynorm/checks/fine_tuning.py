"""SN6: checks on frozen layers and fine-tuned models."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.checks.causes import (
    ageing,
    copied_from_elsewhere,
    no_gap,
    observed,
    of_older_weights,
    runs_on_population,
    valid,
)
from steadynorm.checks.distance import mismatched
from steadynorm.checks.registry import check, finding
from steadynorm.checks.wording import many
from steadynorm.evidence import Evidence, Layer, Mode
from steadynorm.finding import Finding, Severity


@check("SN601", "steps")
def frozen_layer_updates(evidence: Evidence) -> Iterator[Finding]:
    """Parameters frozen, statistics moving."""
    layers = [
        layer.name
        for layer in evidence.layers
        if layer.frozen and _moves(evidence, layer) and not _freeze_undone(evidence, layer)
    ]
    if layers:
        yield finding(
            "SN601",
            layers,
            f"gamma and beta of {many(layers)} are frozen (requires_grad=False), but the train step normalizes "
            "by batch moments and moves their statistics",
            "Put these layers into eval() after every model.train() (override train() in the model), or leave them "
            "trainable.",
            evidence={"layers": layers},
        )


@check("SN602", "calls")
def statistics_of_the_old_task(evidence: Evidence) -> Iterator[Finding]:
    """Statistics that training does not renew, and that do not fit what the layer is fed."""
    kept, outpaced = [], []
    for layer, _ in mismatched(evidence):
        if not valid(layer) or layer.statistics is None or layer.statistics.at_initialization:
            continue
        if copied_from_elsewhere(evidence, layer):
            continue
        if runs_on_population(evidence, layer) or (evidence.steps is None and layer.frozen):
            kept.append(layer)
        elif ageing(evidence, layer) and of_older_weights(evidence, layer):
            outpaced.append(layer)
    if kept:
        yield finding(
            "SN602",
            [layer.name for layer in kept],
            f"{many(kept, 'are')} kept on statistics of earlier training that do not fit what they are now fed",
            "Re-estimate them on the new data (steadynorm.recalibrate with include_frozen=True), or train with these "
            "layers in training mode.",
            evidence={"layers": [layer.name for layer in kept]},
            # Where inference does as well with them as with new ones, they are merely worth knowing about.
            severity=Severity.INFO if no_gap(evidence) else Severity.ERROR,
        )
    if outpaced:
        steps = (evidence.steps.optimizer_steps if evidence.steps else None) or 0
        decay = max(layer.config.decay or 0.0 for layer in outpaced)
        yield finding(
            "SN602",
            [layer.name for layer in outpaced],
            f"after {steps} steps of fine-tuning with decay {decay:g}, {decay**steps:.0%} of the statistics of "
            f"{many(outpaced)} is still the earlier training's",
            f"Use a decay of at most {0.01 ** (1 / max(steps, 1)):.3g} for a run of this length, or re-estimate the "
            "statistics afterwards: steadynorm.recalibrate.",
            evidence={"decay": decay, "optimizer_steps": steps, "residual": decay**steps},
        )


@check("SN603", "steps")
def freeze_undone(evidence: Evidence) -> Iterator[Finding]:
    """Layers handed over in inference mode that the train step puts back into training mode."""
    layers = [layer.name for layer in evidence.layers if _freeze_undone(evidence, layer)]
    if layers:
        yield finding(
            "SN603",
            layers,
            f"{many(layers, 'were')} handed over in inference mode inside a model in training mode; the train step "
            "switches them back to training and moves their statistics",
            "Freeze in train(): override it in the model, call super().train(mode) and then eval() on the frozen "
            "layers.",
            evidence={"layers": layers},
        )


def _moves(evidence: Evidence, layer: Layer) -> bool:
    step = observed(evidence, layer)
    return step is not None and step.updates > 0


def _freeze_undone(evidence: Evidence, layer: Layer) -> bool:
    step = observed(evidence, layer)
    return layer.mode is Mode.POPULATION and step is not None and step.mode_changed and step.updates > 0
