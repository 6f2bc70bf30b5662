"""What several checks ask of the evidence about one layer, so that one symptom gets one cause.

Statistics that do not fit what the layer is fed have many causes with the same remedy. The checks tell them apart by
these questions; each answers from the evidence alone.
"""

from __future__ import annotations

import math

import numpy as np

from steadynorm.checks.distance import between, of_layer, pooled, without_initial_value
from steadynorm.evidence import CallSite, Evidence, Layer, LayerSteps, Mode, Split
from steadynorm.scoring import Yardstick

RESIDUAL_THRESHOLD = 0.01
"""Share of the initial value in the average above which it counts."""

SLOW_DECAY = 0.99
"""Decays from here on average over 100 steps and more."""

SITE_SHIFT = 0.5
SITE_LOG_VARIANCE = 0.7
"""Call sites whose moments differ by half a standard deviation or a factor of two in variance are different inputs."""

SWAPPED_MOMENTUM = (0.0005, 0.1)
"""A decay in this range is a momentum of 0.9 to 0.9995: the fraction that TensorFlow keeps, given as the fraction that
PyTorch replaces."""

DROPOUT_LOG_RATIO = 0.1
"""Smallest effect of dropout on the log variance of a layer's input that counts."""


def observed(evidence: Evidence, layer: Layer) -> LayerSteps | None:
    """What the layer did in the train step; `None` without a train step or if it was not called."""
    return None if evidence.steps is None else evidence.steps.layers.get(layer.name)


def never_updated(evidence: Evidence, layer: Layer) -> bool:
    """Whether the train step normalizes by batch moments and leaves the layer's statistics alone."""
    step = observed(evidence, layer)
    return (
        step is not None
        and step.batch_uses > 0
        and step.updates == 0
        and layer.statistics is not None
        and not layer.frozen
        and not (evidence.steps and layer.name in evidence.steps.failed_with_one_value)
    )


def runs_on_population(evidence: Evidence, layer: Layer) -> bool:
    """Whether the train step normalizes by the stored statistics only."""
    step = observed(evidence, layer)
    return step is not None and step.population_uses > 0 and step.batch_uses == 0


def trained(evidence: Evidence) -> bool:
    """Whether the weights have been trained: a scale or offset moved, or batch mode does better than inference."""
    if evidence.gap is not None and evidence.gap.size > 0:
        return True
    return any(
        (layer.gamma is not None and np.any(layer.gamma != 1)) or (layer.beta is not None and np.any(layer.beta != 0))
        for layer in evidence.layers
    )


def trained_on_population(evidence: Evidence) -> bool:
    """Whether the weights fit the stored statistics and not the batch's: inference does clearly better on train data.

    Weights that were trained in batch mode do best in batch mode. Where it is the other way round, the layers stood in
    inference mode while the weights were trained. That they were trained has to be known: a network that has learned
    nothing does better in one of the modes by chance.
    """
    gap, steps = evidence.gap, evidence.steps
    if gap is None or steps is None or not steps.optimizer_steps:
        return False
    yardstick = Yardstick(gap.measure == "metric", gap.higher_is_better)
    return yardstick.clearly_better(gap.scores[Mode.POPULATION, Split.TRAIN], gap.scores[Mode.BATCH, Split.TRAIN])


def no_gap(evidence: Evidence) -> bool:
    """Whether the gap was measured and there is none: what is found then is worth knowing, and no more."""
    return evidence.gap is not None and evidence.gap.size == 0


def evaluated_in_step(evidence: Evidence, layer: Layer) -> bool:
    """Whether the train step also runs the layer in training mode on other data without gradients."""
    step = observed(evidence, layer)
    return step is not None and step.evaluated_uses >= 0.5 and step.updates > 1


def left_behind(evidence: Evidence, layer: Layer) -> bool:
    """Whether the layer counts far fewer updates than the optimizer steps, and inference does no worse for it.

    The weights went on without the statistics, as they do after an eval() that is never undone.
    """
    steps, stored = evidence.steps, layer.statistics
    if steps is None or steps.optimizer_steps is None or stored is None or stored.updates is None or layer.frozen:
        return False
    return no_gap(evidence) and 2 * stored.updates < steps.optimizer_steps


def sites_apart(evidence: Evidence, layer: Layer) -> float | None:
    """The largest shift or log variance ratio between the layer's call sites if they differ, else `None`."""
    sites = [site.moments[Split.TRAIN] for site in evidence.sites(layer.name) if Split.TRAIN in site.moments]
    largest: float | None = None
    for index, first in enumerate(sites):
        for second in sites[index + 1 :]:
            distance = between(first, second.mean, second.variance, layer.config.epsilon)
            if distance.significant and (distance.shift > SITE_SHIFT or distance.log_ratio > SITE_LOG_VARIANCE):
                largest = max(largest or 0.0, distance.shift, distance.log_ratio)
    step = observed(evidence, layer)
    spread = None if step is None or step.batch_uses <= 1 else step.input_spread
    if spread is not None and spread > SITE_SHIFT:
        largest = max(largest or 0.0, spread)
    return largest


def residual(layer: Layer) -> float | None:
    """The share of the initial value still in the average, decay^updates; `None` if it cannot be told."""
    stored = layer.statistics
    if stored is None or stored.updates is None or layer.config.decay is None:
        return None
    return float(layer.config.decay**stored.updates)


def updates_made(evidence: Evidence, layer: Layer) -> int | None:
    """How often the statistics were updated: what the layer counted, or else what its optimizer's count comes to.

    The latter holds for a training from the start only: an optimizer that was made anew counts from 0.
    """
    if layer.statistics is not None and layer.statistics.updates is not None:
        return layer.statistics.updates
    step = observed(evidence, layer)
    if step is None or evidence.steps is None or evidence.steps.optimizer_steps is None:
        return None
    return round(evidence.steps.optimizer_steps * step.updates) or None


def residual_of_training(evidence: Evidence, layer: Layer) -> float | None:
    """The same as `residual`, also for layers that do not count, by `updates_made`."""
    updates = updates_made(evidence, layer)
    return None if updates is None or layer.config.decay is None else float(layer.config.decay**updates)


def fits_without_initial_value(evidence: Evidence, layer: Layer) -> bool:
    """Whether taking the initial value out of the average removes most of its distance from the batch moments.

    That is the signature of an average that is still starting up, in contrast to one that holds another model's
    moments.
    """
    share = residual_of_training(evidence, layer)
    moments, distance = pooled(evidence.sites(layer.name)), of_layer(evidence, layer)
    if layer.statistics is None or moments is None or distance is None or share is None or not 0 < share < 1:
        return False
    corrected = between(moments, *without_initial_value(layer.statistics, share), layer.config.epsilon)
    left, whole = (math.hypot(each.shift, each.log_ratio) for each in (corrected, distance))
    return left < 0.6 * whole


def is_slow(layer: Layer) -> bool:
    """Whether the average looks back over a hundred steps and more; a cumulative one looks back over all."""
    return layer.config.decay is None or layer.config.decay >= SLOW_DECAY


def of_older_weights(evidence: Evidence, layer: Layer) -> bool:
    """Whether most of the average was taken before the present optimizer started: a pre-training's statistics."""
    steps, stored, decay = evidence.steps, layer.statistics, layer.config.decay
    if steps is None or steps.optimizer_steps is None or stored is None or decay is None:
        return False
    before = (stored.updates or 0) - steps.optimizer_steps
    return before > steps.optimizer_steps and bool(decay**steps.optimizer_steps > RESIDUAL_THRESHOLD)


def outrun(evidence: Evidence, layer: Layer) -> float | None:
    """How far a few train steps move what the layer is fed, if its average cannot follow at that speed.

    An average with decay d trails by d / (1 - d) steps, a cumulative one by half of all. The steps that were run on
    the copy show the speed of the weights; where this lag makes up at least half of the distance, the average is
    outrun, and its statistics need no other explanation.
    """
    steps, decay, distance = evidence.steps, layer.config.decay, of_layer(evidence, layer)
    if steps is None or distance is None or layer.statistics is None or decay == 1:
        return None
    trail = decay / (1 - decay) if decay is not None else (layer.statistics.updates or 0) / 2
    largest = 0.0
    for site in evidence.sites(layer.name):
        before, after = site.moments.get(Split.TRAIN), steps.moments.get((layer.name, site.index))
        if before is not None and after is not None:
            moved = between(after, before.mean, before.variance, layer.config.epsilon)
            largest = max(largest, math.hypot(moved.shift, moved.log_ratio))
    lag = largest / steps.steps * trail
    return largest if lag >= 0.5 * math.hypot(distance.shift, distance.log_ratio) else None


def valid(layer: Layer) -> bool:
    """Whether the stored statistics are numbers that a layer can normalize by."""
    stored = layer.statistics
    return (
        stored is not None
        and bool(np.all(np.isfinite(stored.mean)))
        and bool(np.all(np.isfinite(stored.variance)))
        and bool(np.all(stored.variance >= 0))
    )


def copied_from_elsewhere(evidence: Evidence, layer: Layer) -> bool:
    """Whether the model's weights are averages or copies whose statistics did not come along."""
    source = evidence.source
    return source is not None and source.weights_differ is not False and layer.statistics is not None


def dropout_effect(layer: Layer, site: CallSite) -> float | None:
    """The log variance ratio of the site's input with dropout to without, if dropout leads into it and it counts."""
    plain = site.moments.get(Split.TRAIN)
    if site.with_dropout is None or plain is None or layer.statistics is None:
        return None
    if not any(operation.kind == "dropout" for operation in site.before):
        return None
    epsilon = layer.config.epsilon
    ratio = float(np.median(np.log((site.with_dropout.variance + epsilon) / (plain.variance + epsilon))))
    noise = 2 * float(np.median(plain.log_variance_error))
    return ratio if abs(ratio) > max(DROPOUT_LOG_RATIO, noise) else None


def has_swapped_momentum(layer: Layer) -> bool:
    """Whether the layer's momentum looks like the other framework's number."""
    decay = layer.config.decay
    if decay is None or layer.statistics is None or layer.frozen or "decay" in layer.assumed:
        return False
    return SWAPPED_MOMENTUM[0] <= round(decay, 6) <= SWAPPED_MOMENTUM[1]


def ageing(evidence: Evidence, layer: Layer) -> bool:
    """Whether the layer's statistics are an average that training keeps up, and nothing else is wrong with them."""
    stored = layer.statistics
    return (
        stored is not None
        and valid(layer)
        and not stored.at_initialization
        and not layer.frozen
        and not never_updated(evidence, layer)
        and not runs_on_population(evidence, layer)
        and not copied_from_elsewhere(evidence, layer)
        and not left_behind(evidence, layer)
        and not evaluated_in_step(evidence, layer)
        and sites_apart(evidence, layer) is None
        and not has_swapped_momentum(layer)
        and all(dropout_effect(layer, site) is None for site in evidence.sites(layer.name))
    )
