"""What a recorded loss does: whether it still falls, and how much it jumps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from steadynorm.evidence import Array
from steadynorm.experiments.records import Trend

LEAST_VALUES = 20
"""Fewer values show no trend."""

JUMPS = 0.2
"""Jumps from value to value, by the level, that count as fluctuation."""

LEAST_FALL = 0.05
STANDARD_ERRORS = 2.0
"""A loss falls if its last quarter is lower by 5 % and by two standard errors."""

BLOCKS = 8
"""Blocks of a quarter, whose means scatter as its mean does though neighbouring values are correlated."""


def trend(losses: Sequence[float]) -> Trend | None:
    """The second half of a loss over steps or epochs; `None` with fewer than 20 values that are finite.

    Arguments:
        losses: one value per step or epoch, in their order.
    """
    values = np.asarray([each for each in losses if np.isfinite(each)], np.float64)
    if len(values) < LEAST_VALUES:
        return None
    second = values[len(values) // 2 :]
    level = float(np.median(np.abs(second))) or 1.0
    third, fourth = np.array_split(second, 2)
    fall = (float(third.mean()) - float(fourth.mean())) / level
    error = float(np.hypot(_error_of_mean(third), _error_of_mean(fourth))) / level
    jumps = float(np.sqrt(np.mean(np.square(np.diff(second))))) / level
    return Trend(len(values), level, jumps, fall, error)


def fluctuates(seen: Trend) -> bool:
    """Whether a loss keeps jumping in its second half and does not fall there."""
    return seen.jumps > JUMPS and seen.fall < max(LEAST_FALL, STANDARD_ERRORS * seen.fall_error)


def _error_of_mean(values: Array) -> float:
    means = [float(block.mean()) for block in np.array_split(values, min(BLOCKS, len(values)))]
    return float(np.std(means, ddof=1) / np.sqrt(len(means)))
