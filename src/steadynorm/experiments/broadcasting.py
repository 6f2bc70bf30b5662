"""Whether a loss compares each prediction with the targets of the other samples, because shapes were broadcast."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from steadynorm.evidence import Array

LEAST_SAMPLES = 3


def pairs_samples(output: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Whether two shapes differ by axes of length 1 alone, and grow when they are broadcast: (N, 1) and (N,).

    Arguments:
        output: the shape of the predictions.
        target: that of the targets.
    """
    if [each for each in output if each != 1] != [each for each in target if each != 1]:
        return False
    try:
        together = np.broadcast_shapes(output, target)
    except ValueError:
        return False
    return math.prod(together) > math.prod(output)


def is_broadcast(output: Array, target: Array, gradient: Callable[[Array, Array], Array]) -> bool | None:
    """Whether the loss compares each prediction with all targets, and would not if the shapes were one.

    A loss that couples samples on purpose, as a contrastive one, couples them whatever shapes it is given.

    Arguments:
        output: the predictions (N, ...).
        target: the targets (N, ...).
        gradient: the gradient of the loss for given predictions and targets.

    Returns:
        `None` where it cannot be tried: the shapes are not of that kind, all targets are equal, or the loss refuses
        the shape of the predictions for its targets.
    """
    if len(output) < LEAST_SAMPLES or len(output) != len(target) or not pairs_samples(output.shape, target.shape):
        return None
    others = np.broadcast_to(target[:1], target.shape).copy()  # values that occur, so that no loss refuses them
    if np.array_equal(others, target):
        return None

    def coupled(shape: tuple[int, ...]) -> bool:
        one, other = (gradient(output, each.reshape(shape))[0] for each in (target, others))
        return not np.array_equal(one, other)

    try:
        return coupled(target.shape) and not coupled(output.shape)
    except Exception:  # a loss may refuse such targets; nothing can be said then
        return None
