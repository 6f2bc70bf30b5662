"""What several checks ask of the evidence about one layer, so that one symptom gets one cause.

Statistics that do not fit what the layer is fed have many causes with the same remedy. The checks tell them apart by
these questions; each answers from the evidence alone.
"""

from __future__ import annotations

import numpy as np

from steadynorm.checks.distance import between, of_layer, pooled, without_initial_value
from steadynorm.evidence import Evidence, Layer, LayerSteps, Split

RESIDUAL_THRESHOLD = 0.01
"""Share of the initial value in the average above which it counts."""

SITE_SHIFT = 0.5
SITE_LOG_VARIANCE = 0.7
"""Call sites whose moments differ by half a standard deviation or a factor of two in variance are different inputs."""


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
    if step is not None and step.input_spread is not None and step.batch_uses > 1:
        if step.input_spread > SITE_SHIFT:
            largest = max(largest or 0.0, step.input_spread)
    return largest


def residual(layer: Layer) -> float | None:
    """The share of the initial value still in the average, decay^updates; `None` if it cannot be told."""
    stored = layer.statistics
    if stored is None or stored.updates is None or layer.config.decay is None:
        return None
    return float(layer.config.decay**stored.updates)


def fits_without_initial_value(evidence: Evidence, layer: Layer) -> bool:
    """Whether taking the initial value out of the average removes most of its distance from the batch moments.

    That is the signature of an average that is still starting up, in contrast to one that holds another model's
    moments.
    """
    share, moments, distance = residual(layer), pooled(evidence.sites(layer.name)), of_layer(evidence, layer)
    if layer.statistics is None or moments is None or distance is None or share is None or not 0 < share < 1:
        return False
    corrected = between(moments, *without_initial_value(layer.statistics, share), layer.config.epsilon)
    return np.hypot(corrected.shift, corrected.log_ratio) < 0.6 * np.hypot(distance.shift, distance.log_ratio)


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
        and sites_apart(evidence, layer) is None
    )
