"""Targets that mean that there is none, as -1 or 255 beside 0 and 1: the loss ignores them, and so does their range."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from steadynorm.evidence import Array
from steadynorm.experiments.records import Range

MARKERS = 4
"""So many values are tried; nobody marks what is to be ignored by more."""


def counted_range(
    targets: Sequence[Array | None], outputs: Range | None, is_ignored: Callable[[int, Array], bool]
) -> Range | None:
    """The range of the targets, without values at its ends that the loss ignores wherever they stand in a batch.

    Arguments:
        targets: those of each batch; `None` for what is no array.
        outputs: the range of what the model can give; targets within it are not looked at further.
        is_ignored: whether the loss ignores the marked numbers of the batch of this index.

    Returns:
        `None` where nothing is left.
    """
    left = {at: np.ravel(each) for at, each in enumerate(targets) if each is not None and each.size}
    for _ in range(MARKERS):
        lowest = min(left, key=lambda at: float(left[at].min()))
        highest = max(left, key=lambda at: float(left[at].max()))
        found = Range(float(left[lowest].min()), float(left[highest].max()))
        if outputs is None:
            return found
        ends = [(lowest, found.low)] * (found.low < outputs.low) + [(highest, found.high)] * (found.high > outputs.high)
        marker = next((value for at, value in ends if is_ignored(at, np.asarray(targets[at]) == value)), None)
        if marker is None:
            return found
        left = {at: rest for at, each in left.items() if (rest := each[each != marker]).size}
        if not left:
            return None
    return found
