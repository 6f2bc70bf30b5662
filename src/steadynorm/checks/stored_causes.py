"""What several checks ask of a checkpoint about one layer, so that one symptom gets one cause."""

from __future__ import annotations

import numpy as np

from steadynorm.checks.causes import valid
from steadynorm.evidence import Array, Evidence, Layer, Mode
from steadynorm.recorded import Stored

MOVED = 1e-3
"""Smallest relative change of a weight that counts as training."""

RELATED = 0.5
"""Weights that moved by less of their size come from those that they are compared with."""


def was_trained(layer: Layer) -> bool:
    """Whether gamma or beta are no longer what any initializer gives.

    Offsets start at one value everywhere. Scales too, or, where there is an offset, at random ones, as in many GANs.
    """
    if layer.beta is not None:
        return _varies(layer.beta)
    return layer.gamma is not None and _varies(layer.gamma)


def never_moved(layer: Layer) -> bool:
    """Whether the statistics are those of the initialization."""
    return layer.statistics is not None and layer.statistics.at_initialization


def is_copy(evidence: Evidence, layer: Layer) -> bool:
    """Whether the layer is that of an averaged or target copy of another one in the file."""
    return evidence.stored is not None and layer.name in evidence.stored.copies


def graph_explains(evidence: Evidence, layer: Layer) -> bool:
    """Whether the graph beside the checkpoint says why training left the layer's statistics alone.

    Then the checks on graphs name that cause: nothing that trains runs the updates, or training normalizes by the
    statistics.
    """
    graph = evidence.graph
    if graph is None or layer.name not in {each.name for each in graph.layers}:
        return False
    if graph.inference_only or graph.exported or not graph.train_steps:
        return False  # what has no train step, as a description of a model, says nothing about the training
    updates = [each for each in graph.updates if each.layer == layer.name]
    uses = [each for each in graph.uses if each.layer == layer.name]
    runs = any(each.steps or each.always for each in updates)
    return not runs or all(each.mode is Mode.POPULATION for each in uses)


def earlier(evidence: Evidence, layer: Layer) -> Layer | None:
    """The same layer in the earlier checkpoint, if it is there with values."""
    if evidence.stored is None or evidence.stored.before is None:
        return None
    before = evidence.stored.before.get(layer.name)
    return before if before is not None and before.statistics is not None else None


def lost_since(evidence: Evidence, layer: Layer) -> bool:
    """Whether the statistics are at their initial values, though the model comes from one that had them."""
    before = earlier(evidence, layer)
    if before is None or not never_moved(layer) or never_moved(before) or not valid(before):
        return False
    return (evidence.stored is not None and related(evidence.stored)) or (
        has_parameters(layer) and parameters_kept(layer, before) and was_trained(layer)
    )


def related(stored: Stored) -> bool:
    """Whether the weights come from those of the earlier checkpoint."""
    moved = list(stored.weights_moved.values())
    return bool(moved) and float(np.median(moved)) < RELATED


def has_parameters(layer: Layer) -> bool:
    """Whether it has gamma or beta."""
    return layer.gamma is not None or layer.beta is not None


def parameters_kept(layer: Layer, before: Layer) -> bool:
    """Whether gamma and beta are the same, bit for bit."""
    return same(layer.gamma, before.gamma) and same(layer.beta, before.beta)


def statistics_kept(layer: Layer, before: Layer) -> bool:
    """Whether both moments are the same, bit for bit."""
    now, then = layer.statistics, before.statistics
    return now is not None and then is not None and same(now.mean, then.mean) and same(now.variance, then.variance)


def same(first: Array | None, second: Array | None) -> bool:
    """Whether two arrays are equal, or both missing."""
    if first is None or second is None:
        return first is second
    return first.shape == second.shape and bool(np.array_equal(first, second))


def moved_by(layer: Layer, before: Layer) -> float:
    """The largest relative change of gamma or beta."""
    changes = [0.0]
    for now, then in ((layer.gamma, before.gamma), (layer.beta, before.beta)):
        if now is not None and then is not None and now.shape == then.shape:
            with np.errstate(all="ignore"):
                scale = max(float(np.sqrt(np.mean(np.square(then)))), 1e-2)
                change = float(np.sqrt(np.mean(np.square(now - then)))) / scale
            changes.append(change if np.isfinite(change) else 0.0)
    return max(changes)


def training_moved(stored: Stored) -> float:
    """The largest relative change of the other weights since the earlier checkpoint; 0 if none was compared."""
    return max(stored.weights_moved.values(), default=0.0)


def is_known(layer: Layer, option: str) -> bool:
    """Whether the file, or the graph beside it, tells an option."""
    return option not in layer.assumed


def decays(layer: Layer) -> bool:
    """Whether the layer's statistics are an average with a known decay."""
    return is_known(layer, "decay") and layer.config.decay is not None and layer.config.debias == "none"


def _varies(values: Array) -> bool:
    return values.size > 0 and bool(np.any(values != values[0]) or (values.size == 1 and values[0] not in (0, 1)))
