"""Outputs that stand for those of a model: such as know nothing, and the best that any model could give."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from steadynorm.evidence import Array
from steadynorm.experiments.trainee import FREE_RATE, FREE_STEPS

_DECAYS = 0.9, 0.999
_EPSILON = 1e-8
"""Adam's (Kingma and Ba, 2015)."""


def uninformed(outputs: Array) -> Array:
    """Outputs of one that knows nothing: zeros, or where the outputs are probabilities, all of them equal."""
    is_probability = (
        outputs.ndim > 1
        and outputs.shape[-1] > 1
        and bool((outputs >= 0).all())
        and np.allclose(outputs.sum(-1), 1.0, atol=1e-3)
    )
    return np.full_like(outputs, 1 / outputs.shape[-1] if is_probability else 0.0)


def lowest(
    outputs: Sequence[Array], differentiate: Callable[[list[Array]], tuple[float, Sequence[Array | None]]]
) -> float:
    """The smallest loss that Adam comes to where it changes the outputs themselves; NaN where it has no gradient.

    Arguments:
        outputs: those to begin with.
        differentiate: the loss of some outputs, and its gradient for each of them.
    """
    free: list[Any] = [each.astype(np.float32) for each in outputs]
    rates = [FREE_RATE * max(float(each.std()), 0.1) for each in free]
    means, squares = [0.0 * each for each in free], [0.0 * each for each in free]
    losses = []
    for step in range(1, FREE_STEPS + 1):
        loss, gradients = differentiate(free)
        if not math.isfinite(loss) or all(each is None for each in gradients):
            break
        losses.append(loss)
        for index, along in enumerate(gradients):
            if along is None:
                continue
            means[index] = _DECAYS[0] * means[index] + (1 - _DECAYS[0]) * along
            squares[index] = _DECAYS[1] * squares[index] + (1 - _DECAYS[1]) * along**2
            mean, square = means[index] / (1 - _DECAYS[0] ** step), squares[index] / (1 - _DECAYS[1] ** step)
            moved = free[index] - rates[index] * mean / (np.sqrt(square) + _EPSILON)
            free[index] = moved.astype(np.float32)
    return min(losses, default=math.nan)
