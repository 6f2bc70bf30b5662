"""SN1: checks on how the statistics come about."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from steadynorm.checks.causes import (
    RESIDUAL_THRESHOLD,
    SLOW_DECAY,
    ageing,
    copied_from_elsewhere,
    evaluated_in_step,
    fits_without_initial_value,
    is_slow,
    never_updated,
    no_gap,
    observed,
    of_older_weights,
    outrun,
    residual,
    residual_of_training,
    runs_on_population,
    trained,
    trained_on_population,
    updates_made,
)
from steadynorm.checks.distance import mismatched, of_layer, pooled
from steadynorm.checks.registry import check, finding
from steadynorm.checks.wording import many
from steadynorm.evidence import Evidence, Layer
from steadynorm.finding import Certainty, Finding, Severity

CLOSED = 0.5
"""Share of the gap that new statistics must close to be blamed where no layer stands out."""


@check("SN101", "steps")
def updates_not_run(evidence: Evidence) -> Iterator[Finding]:
    """Every layer that the train step runs on batch moments keeps its statistics as they were."""
    stuck = [layer for layer in evidence.layers if never_updated(evidence, layer)]
    if stuck and not _updated(evidence):
        steps = evidence.steps.steps if evidence.steps else 0
        yield finding(
            "SN101",
            [layer.name for layer in stuck],
            f"the train step normalizes {many(stuck)} by batch moments, but in {steps} steps none of their "
            "statistics moved",
            "Keep track_running_stats=True and a momentum above 0, and run the module itself in the train step: a "
            "functional call must write the returned buffers back. Then re-estimate: steadynorm.recalibrate.",
            evidence={"steps": steps, "momentum": [_momentum(layer) for layer in stuck]},
        )


@check("SN102", "steps")
def updates_collected_early(evidence: Evidence) -> Iterator[Finding]:
    """Some layers that the train step runs on batch moments are updated, others are not."""
    stuck = [layer for layer in evidence.layers if never_updated(evidence, layer)]
    moving = _updated(evidence)
    if stuck and moving:
        steps = evidence.steps.steps if evidence.steps else 0
        yield finding(
            "SN102",
            [layer.name for layer in stuck],
            f"in {steps} train steps the statistics of {many(moving)} moved and those of {len(stuck)} never did, "
            "though all of them normalize by batch moments",
            "Update every layer: look for a momentum of 0, a track_running_stats switched off, or a part of the "
            "model that is called through a functional copy.",
            evidence={"steps": steps, "updated": moving, "momentum": [_momentum(layer) for layer in stuck]},
        )


@check("SN103")
def statistics_at_initialization(evidence: Evidence) -> Iterator[Finding]:
    """Mean exactly 0 and variance exactly 1 in a model whose weights have been trained."""
    if evidence.stored is not None or not trained(evidence) or trained_on_population(evidence):
        return  # a file has a check of its own; in the last case SN202 names the cause
    layers = []
    for layer in evidence.layers:
        distance = of_layer(evidence, layer)
        if (
            layer.statistics is not None
            and layer.statistics.at_initialization
            and (distance is None or distance.significant)
            and not never_updated(evidence, layer)
            and not (runs_on_population(evidence, layer) and not layer.frozen)
            and not copied_from_elsewhere(evidence, layer)
        ):
            layers.append(layer)
    if not layers:
        return
    updating = [layer for layer in layers if (step := observed(evidence, layer)) and step.updates > 0]
    counts = {layer.statistics.updates for layer in layers if layer.statistics}
    if updating:
        history = "; the train step does move them, so they were lost afterwards: not saved, or not restored"
    elif counts == {0}:
        history = "; the layers count 0 updates"
    else:
        history = ""
    yield finding(
        "SN103",
        [layer.name for layer in layers],
        f"{many(layers, 'have', of=evidence.layers)} trained weights but statistics at their initial values, "
        f"mean 0 and variance 1{history}",
        "Save model.state_dict(), which holds the buffers, instead of model.parameters(), and load it with "
        "strict=True; until then re-estimate the statistics: 'steadynorm repair'.",
        evidence={"updates": sorted(count for count in counts if count is not None)},
    )


WORTH_IT = 0.02
"""Share of a gap that re-estimated statistics must close before a lag is called an error."""


@check("SN104", "calls")
def statistics_lag(evidence: Evidence) -> Iterator[Finding]:
    """An average that still holds its initial value, or that follows too slowly."""
    if trained_on_population(evidence):
        return  # SN202
    starting, slow = [], []
    for layer, _ in mismatched(evidence):
        if not ageing(evidence, layer):
            continue
        share = residual_of_training(evidence, layer)
        if share is not None and fits_without_initial_value(evidence, layer):
            starting.append((share, layer))
        elif of_older_weights(evidence, layer):
            continue  # SN602
        elif outrun(evidence, layer) is not None or (residual(layer) or 0.0) > RESIDUAL_THRESHOLD or is_slow(layer):
            slow.append(layer)
    severity = Severity.ERROR if evidence.gap is not None and evidence.gap.size > 0 else Severity.WARNING
    if starting:
        yield _still_starting(evidence, starting, severity)
    if not (starting or slow) and not any(mismatched(evidence)):
        slow = _all_a_little(evidence)
    if slow:
        # An average that merely trails does no harm where inference does as well with it, or no better with a new one.
        yield _too_slow(evidence, slow, Severity.INFO if no_gap(evidence) or _is_useless(evidence) else severity)


def _is_useless(evidence: Evidence) -> bool:
    """Whether statistics that fit were tried, and closed nothing of the gap: its cause is another."""
    trial = evidence.trial("recalibrate")
    return trial is not None and trial.share is not None and trial.share < WORTH_IT


def _all_a_little(evidence: Evidence) -> list[Layer]:
    """All layers, where no single one is far off but new statistics for all of them close the gap."""
    trial = evidence.trial("recalibrate")
    if trial is None or (trial.share or 0.0) < CLOSED:
        return []
    return [layer for layer in evidence.layers if ageing(evidence, layer)]


def _too_slow(evidence: Evidence, layers: list[Layer], severity: Severity) -> Finding:
    cumulative = [layer for layer in layers if layer.config.decay is None]
    decay = max((layer.config.decay or 0.0 for layer in layers), default=0.0)
    moved = max((outrun(evidence, layer) or 0.0 for layer in layers), default=0.0)
    steps = evidence.steps.steps if evidence.steps else 0
    window = "all batches since the start (momentum=None)" if cumulative else f"{1 / (1 - decay):.0f} steps"
    window += "" if cumulative else f" (decay {decay:g})"
    speed = f"; {steps} train steps alone move what they are fed by {moved:.2g} standard deviations or log variance"
    advice = ", or use a decay of 0.9 to 0.99." if cumulative or decay >= SLOW_DECAY else "."
    return finding(
        "SN104",
        [layer.name for layer in layers],
        f"the statistics of {many(layers)} average over {window} and lag behind what the weights now produce"
        f"{speed if moved else ''}",
        "Re-estimate the statistics after training (steadynorm.recalibrate); for the next run lower the learning rate "
        f"towards the end{advice}",
        evidence={"decay": None if cumulative else decay, "moved_by_steps": moved},
        severity=severity,
        certainty=Certainty.PROVEN if moved else Certainty.LIKELY,
        settle=None if evidence.steps else "pass train_step and optimizer: they show how fast the weights move",
    )


def _still_starting(evidence: Evidence, layers: list[tuple[float, Layer]], severity: Severity) -> Finding:
    share, worst = max(layers, key=lambda pair: pair[0])
    decay = worst.config.decay or 0.0
    updates = updates_made(evidence, worst) or 1
    moments = pooled(evidence.sites(worst.name))
    # What is left of mean 0 and variance 1 counts in units of the batch's own variance and deviation.
    weight = 1.0
    if moments is not None:
        variance = np.maximum(moments.variance, 1e-12)
        weight = max(weight, float(np.median(1 / variance)), float(np.median(np.abs(moments.mean) / np.sqrt(variance))))
    enough = (RESIDUAL_THRESHOLD / (1.0 if share > RESIDUAL_THRESHOLD else weight)) ** (1 / updates)
    against = (
        "" if share > RESIDUAL_THRESHOLD else f", which weighs {weight:.2g} times as much as what the batches give"
    )
    if 0.5 <= enough < decay:
        advice = (
            f"Use a decay of at most {enough:.3g} (PyTorch momentum of at least {1 - enough:.2g}) for such a run, or"
        )
    else:
        advice = "Train for more steps, or use"
    return finding(
        "SN104",
        [layer.name for _, layer in layers],
        f"after {updates} updates with decay {decay:g} (momentum {1 - decay:.4g}) {100 * share:.2g} % of the initial "
        f"value is still in the average of {many(layers)}{against}",
        f"{advice} a debiased average, which would have removed the initial value; repair this model with "
        "steadynorm.recalibrate.",
        evidence={
            "decay": decay,
            "updates": updates,
            "residual": share,
            "decay_that_would_do": enough,
            "weight_of_initial_value": weight,
        },
        severity=severity,
    )


@check("SN105", "steps")
def updates_repeated(evidence: Evidence) -> Iterator[Finding]:
    """Several updates in one step from the same input."""
    assert evidence.steps is not None
    repeated = {
        layer.name: step
        for layer in evidence.layers
        if (step := observed(evidence, layer)) is not None
        and step.repeated_uses >= 0.5
        and step.updates > step.batch_uses - step.repeated_uses
    }
    if repeated:
        most = max(step.updates for step in repeated.values())
        yield finding(
            "SN105",
            repeated,
            f"{many(repeated, 'are')} updated up to {most:.3g} times per step, of which "
            f"{max(step.repeated_uses for step in repeated.values()):.3g} from an input already seen in that step: the "
            f"effective decay is decay^{most:.3g}",
            "Let only the first pass update: momentum 0 (or statistics put back) in the recomputation of activation "
            "checkpointing, in the second pass of SAM and in any extra forward pass.",
            evidence={
                "updates_per_step": {name: step.updates for name, step in repeated.items()},
                "steps": evidence.steps.steps,
            },
        )


@check("SN106", "calls")
def no_population_statistics(evidence: Evidence) -> Iterator[Finding]:
    """A layer that keeps no statistics at all."""
    layers = [layer.name for layer in evidence.layers if layer.statistics is None and not layer.per_instance]
    if layers:
        yield finding(
            "SN106",
            layers,
            f"{many(layers, 'keep')} no population statistics: a prediction depends on the other samples of its batch",
            "Build the layers with track_running_stats=True and estimate the statistics: steadynorm.recalibrate; "
            "or use a normalization without batch moments (GroupNorm, LayerNorm).",
            evidence={"layers": layers},
        )


@check("SN107", "evaluation")
def updated_outside_training(evidence: Evidence) -> Iterator[Finding]:
    """An evaluation that moves the statistics."""
    evaluation = evidence.evaluation
    assert evaluation is not None
    if evaluation.single_value_layers:
        return  # SN204 says more about the same mistake
    layers = [layer.name for layer in evidence.layers if layer.name in evaluation.moved_layers and layer.registered]
    if layers:
        yield finding(
            "SN107",
            layers,
            f"one evaluation moves the statistics of {many(layers)}: validation data gets into the model",
            "Call model.eval() before the evaluation and model.train() after it (torch.no_grad() does not stop the "
            "updates); a model that was evaluated so needs its statistics re-estimated: steadynorm.recalibrate.",
            evidence={"layers": layers},
        )


@check("SN107", "steps")
def evaluated_inside_the_step(evidence: Evidence) -> Iterator[Finding]:
    """A forward pass without gradients, inside the train step, that normalizes by the moments of other data."""
    layers = [layer.name for layer in evidence.layers if evaluated_in_step(evidence, layer)]
    if layers:
        yield finding(
            "SN107",
            layers,
            f"the train step also runs {many(layers)} in training mode on other data without gradients, and that "
            "moves their statistics: an evaluation inside the step",
            "Call model.eval() before that forward pass and model.train() after it; then re-estimate the "
            "statistics: steadynorm.recalibrate.",
            evidence={"layers": layers},
        )


@check("SN108", "steps")
def updated_without_step(evidence: Evidence) -> Iterator[Finding]:
    """A batch whose optimizer step was skipped and whose moments were kept."""
    steps = evidence.steps
    if steps is None or steps.skipped_updates == 0:
        return
    moved = [name for name, step in steps.layers.items() if step.updates > 0]
    yield finding(
        "SN108",
        [layer.name for layer in evidence.layers if layer.name in moved],
        f"in {steps.skipped_updates} of {steps.steps} train steps the loss or a gradient was not finite and the "
        "parameters stayed as they were, but the statistics were updated from that batch, "
        + (f"{steps.damaging_updates} times far off" if steps.damaging_updates else "by no more than usual"),
        "Put the statistics back when the step is skipped (copy the buffers before the forward pass), or check the "
        "batch before it reaches the model.",
        evidence={
            "skipped": steps.skipped_updates,
            "damaging": steps.damaging_updates,
            "steps": steps.steps,
        },
        # A loss scale that is too large spoils gradients only; the batch's moments are as good as any.
        severity=Severity.ERROR if steps.damaging_updates else Severity.INFO,
    )


def _updated(evidence: Evidence) -> list[str]:
    return [
        layer.name
        for layer in evidence.layers
        if (step := observed(evidence, layer)) is not None and step.batch_uses > 0 and step.updates > 0
    ]


def _momentum(layer: Layer) -> float | None:
    return None if layer.config.decay is None else 1 - layer.config.decay
