"""Outputs that stand for those of a model: such as know nothing, and the best that any model could give."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from steadynorm.evidence import Array

Differentiate: TypeAlias = "Callable[[list[Array]], tuple[float, Sequence[Array | None]]]"
"""The loss of some outputs, and its gradient for each of them."""

STEPS = 300
"""The largest number of steps in which free outputs look for the smallest loss."""

FIRST_STEP = 0.3
"""Their first step, times the spread of the outputs."""

GROWTH, SHRINKAGE = 1.2, 0.5
"""What a number's step is multiplied by where its gradient keeps its sign, and where that changes: Rprop's (Riedmiller
and Braun, 1993), which takes as many steps to targets in millions as to those in ones."""

PATIENCE = 20
LEAST_PROGRESS = 1e-3
"""The search ends when so many steps took less than this part of all that was taken off the loss."""

_AXES = (-1, 1)
"""Where frameworks have the classes."""


def uninformed(outputs: Array) -> Array:
    """Outputs of one that knows nothing: zeros, or all equal where they are probabilities or their logarithms."""
    axis = _axis_of_probabilities(outputs)
    if axis is not None:
        return np.full_like(outputs, 1 / outputs.shape[axis])
    axis = _axis_of_logarithms(outputs)
    return np.full_like(outputs, 0.0 if axis is None else -math.log(outputs.shape[axis]))


def lowest(outputs: Sequence[Array], differentiate: Differentiate, target: Array | None = None) -> float:
    """The smallest loss that outputs come to which are changed themselves, in place of a model.

    Outputs that are probabilities, or their logarithms, remain such where the loss of other numbers has no end.

    Arguments:
        outputs: those to begin with.
        differentiate: the loss of some outputs, and its gradient for each of them.
        target: what a single output is compared with; the search begins there, if the loss is smaller.

    Returns:
        the loss; minus infinity where it falls below zero without an end, NaN where no gradient arrives, or the loss
        refuses what is tried.
    """
    starts = [list(outputs)]
    if target is not None and len(outputs) == 1 and target.size == outputs[0].size:
        starts.append([target.reshape(outputs[0].shape)])
    losses = [_loss(differentiate, start) for start in starts]
    best = min(range(len(starts)), key=lambda index: losses[index] if math.isfinite(losses[index]) else math.inf)
    found = _descended(starts[best], differentiate, [_as_they_are] * len(outputs))
    projections = [_projection(each) for each in outputs]
    if found >= 0 or all(each is _as_they_are for each in projections):
        return found
    return _descended(starts[0], differentiate, projections)


def _loss(differentiate: Differentiate, outputs: Sequence[Array]) -> float:
    try:
        return differentiate([each.astype(np.float32) for each in outputs])[0]
    except Exception:  # a loss may refuse targets in place of outputs
        return math.nan


def _descended(
    outputs: Sequence[Array], differentiate: Differentiate, projections: Sequence[Callable[[Array], Array]]
) -> float:
    free: list[Any] = [project(each.astype(np.float32)) for each, project in zip(outputs, projections, strict=True)]
    steps = [np.full_like(each, FIRST_STEP * max(float(each.std()), 0.1)) for each in free]
    before = [np.zeros_like(each) for each in free]
    best: list[float] = []
    for _ in range(STEPS):
        loss, gradients = _tried(free, differentiate)
        if not math.isfinite(loss) or all(each is None for each in gradients):
            break
        best.append(min(loss, best[-1] if best else loss))
        if len(best) > PATIENCE and best[-1 - PATIENCE] - best[-1] <= LEAST_PROGRESS * (best[0] - best[-1]):
            return best[-1]
        for index, along in enumerate(gradients):
            if along is None:
                continue
            agreement = along * before[index]
            steps[index] *= np.where(agreement > 0, GROWTH, np.where(agreement < 0, SHRINKAGE, 1.0))
            before[index] = np.where(agreement < 0, 0.0, along)
            moved = free[index] - steps[index] * np.sign(before[index])
            free[index] = projections[index](moved.astype(np.float32))
    if best and best[-1] < 0:
        return -math.inf
    return best[-1] if best else math.nan


def _tried(free: list[Array], differentiate: Differentiate) -> tuple[float, Sequence[Array | None]]:
    """The loss and its gradients; of outputs between 0 and 1 where the loss takes no others, as cross-entropy."""
    try:
        loss, gradients = differentiate(free)
        if math.isfinite(loss):
            return loss, gradients
    except Exception:
        gradients = []
    for index, each in enumerate(free):
        free[index] = np.clip(each, 0.0, 1.0)
    try:
        return differentiate(free)
    except Exception:  # it refuses these, too
        return math.nan, gradients


def _projection(outputs: Array) -> Callable[[Array], Array]:
    """What makes outputs of the same kind of any numbers."""
    axis = _axis_of_probabilities(outputs)
    if axis is not None:
        return lambda free: np.clip(free, 1e-7, None) / np.clip(free, 1e-7, None).sum(axis, keepdims=True)
    logarithmic = _axis_of_logarithms(outputs)
    if logarithmic is not None:
        return lambda free: free - np.log(np.exp(free).sum(logarithmic, keepdims=True))
    return _as_they_are


def _as_they_are(free: Array) -> Array:
    return free


def _axis_of_probabilities(outputs: Array) -> int | None:
    if outputs.ndim < 2 or not outputs.size or not bool((outputs >= 0).all()):
        return None
    return next((axis for axis in _AXES if _sums_to_one(outputs, axis)), None)


def _axis_of_logarithms(outputs: Array) -> int | None:
    if outputs.ndim < 2 or not outputs.size or not bool((outputs <= 0).all()):
        return None
    return next((axis for axis in _AXES if _sums_to_one(np.exp(outputs), axis)), None)


def _sums_to_one(outputs: Array, axis: int) -> bool:
    return outputs.shape[axis] > 1 and np.allclose(outputs.sum(axis), 1.0, atol=1e-3)
