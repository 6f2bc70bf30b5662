"""Joins small batches, so that a pass takes the moments of what several of them hold at once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from steadynorm.batches import inputs_and_target

JOINED_SAMPLES = 256
"""Batches are joined up to that many samples."""

JOINED_VALUES = 1 << 20
"""And up to that many values in the input: what a batch of large images needs in memory is not multiplied."""


class JoinedBatches:
    """Hands out batches several at a time.

    A layer that normalizes by the batch feeds the layers after it something slightly other than inference does, the
    more so the smaller the batch. Joined batches are nearer to inference at the same cost. Only what is plainly a
    batch of images or of feature vectors is joined: floating-point inputs of 2, 4 or 5 axes, the first of them the
    samples', with one target for each sample. Sequences, whose first axis may be time, are not.

    Arguments:
        batches: the batches, of any framework's arrays.
    """

    def __init__(self, batches: Iterator[Any]) -> None:
        self._batches = batches
        self._next: list[Any] = []

    def take(self, most: int) -> list[Any]:
        """The next batches that go together, at most `most`; none at the end."""
        taken = [batch for batch in [self._peek()] if batch is not _END]
        self._next.clear()
        if not taken:
            return []
        samples, values = _size(taken[0])
        while samples and len(taken) < most:
            batch = self._peek()
            more_samples, more_values = _size(batch)
            samples, values = samples + more_samples, values + more_values
            if not more_samples or samples > JOINED_SAMPLES or values > JOINED_VALUES or not _alike(taken[0], batch):
                break
            taken.append(batch)
            self._next.clear()
        return taken

    def _peek(self) -> Any:
        if not self._next:
            self._next.append(next(self._batches, _END))
        return self._next[0]


_END = object()


def _size(batch: Any) -> tuple[int, int]:
    """Samples and values of a batch that may be joined; 0 and 0 of any other."""
    if batch is _END:
        return 0, 0
    inputs, target = inputs_and_target(batch)
    plain = _is_array(inputs) and _is_array(target) and len(inputs.shape) in (2, 4, 5) and len(target.shape) > 0
    if not plain or "float" not in str(inputs.dtype) or int(target.shape[0]) != int(inputs.shape[0]):
        return 0, 0
    return int(inputs.shape[0]), math.prod(inputs.shape)


def _is_array(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _alike(first: Any, second: Any) -> bool:
    one, other = inputs_and_target(first)[0], inputs_and_target(second)[0]
    same_place = getattr(one, "device", None) == getattr(other, "device", None)
    return bool(one.shape[1:] == other.shape[1:] and one.dtype == other.dtype and same_place)
