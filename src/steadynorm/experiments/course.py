"""A training on a copy, step by step over the same batches again and again."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from typing import Any


def losses_of(train: Callable[[Any], float], batches: Sequence[Any], steps: int, share: float) -> list[float]:
    """The losses of a training, which ends at the first one that is not finite.

    Arguments:
        train: makes one step on a batch and gives its loss.
        batches: those that there are, at least one.
        steps: how many steps are made.
        share: the share of the batches that is trained on, from the first on; at least one batch is.
    """
    losses: list[float] = []
    for batch in islice(cycle(batches[: max(1, round(len(batches) * share))]), steps):
        losses.append(train(batch))
        if not math.isfinite(losses[-1]):
            break
    return losses
