"""Joins small batches, so that a pass takes the moments of what several of them hold at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from steadynorm.batches import inputs_and_target
from steadynorm.norm.moments import Moments

JOINED_SAMPLES = 256
"""Batches are joined up to that many samples."""

JOINED_VALUES = 1 << 20
"""And up to that many values in the input: what a batch of large images needs in memory is not multiplied."""

TRIED_SAMPLES = 4
"""Samples of each of two batches by which it is tried whether batches may be joined."""

_ROUNDING = 1e-2
"""By how much of a standard deviation moments of the same values may differ, in half precision too."""


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


class Joining:
    """Whether batches are run several at once, over all passes of one recalibration.

    Arguments:
        fed: see `is_the_same_joined`, which is asked once.
    """

    def __init__(self, fed: Callable[[list[Any]], Mapping[Any, Moments]]) -> None:
        self._fed = fed
        self._is_same: bool | None = None
        self._is_on = False

    def begin(self, wanted: bool) -> None:
        """Begins a pass, in which batches are joined where that is wanted and known to do no harm, or not known yet."""
        self._is_on = wanted and self._is_same is not False

    def most(self, most: int | None) -> int:
        """How many batches are taken together, where at most so many are to be run."""
        return (most or JOINED_SAMPLES) if self._is_on else 1

    def is_done(self, batches: list[Any], run: Callable[[list[Any]], bool]) -> bool:
        """Runs batches as one; `False` where they are still to be run one by one, as all after them in this pass.

        Arguments:
            batches: those that were taken together.
            run: runs them as one; `False` where the model refuses that, and nothing came of it.
        """
        if len(batches) < 2:
            return False
        if self._is_same is None:
            self._is_same = self._is_on = is_the_same_joined(self._fed, batches)
        self._is_on = self._is_on and run(batches)
        return self._is_on


def is_the_same_joined(fed: Callable[[list[Any]], Mapping[Any, Moments]], batches: Sequence[Any]) -> bool:
    """Whether layers are fed the same by two batches in one as by one after the other.

    So it is unless a model treats a sample by where it stands in its batch, as one does whose batches are pairs of
    halves, or takes batches of one size only.

    Arguments:
        fed: runs the model once, all layers by what is stored, on the first `TRIED_SAMPLES` samples of each of some
            batches in one; what each layer is fed, by any key.
        batches: two or more, of which the first two are tried.
    """
    first, second = batches[:2]
    try:
        together, apart = fed([first, second]), [fed([each]) for each in (first, second)]
    except Exception:  # of a size that the model does not take
        return False
    if any(each.keys() != together.keys() for each in apart):
        return False
    return all(_alike_moments(apart[0][name].merge(apart[1][name]), moments) for name, moments in together.items())


def _alike_moments(one: Moments, other: Moments) -> bool:
    if one.mean.shape != other.mean.shape or not np.array_equal(one.count, other.count):
        return False
    deviations = np.sqrt(one.variance), np.sqrt(other.variance)
    # Of values far from zero it is the values that are rounded, not their deviations.
    allowed = _ROUNDING * (deviations[0] + 1e-3 * np.abs(one.mean)) + np.finfo(np.float32).tiny
    apart = np.abs(one.mean - other.mean), np.abs(deviations[0] - deviations[1])
    return all(bool((each <= allowed).all()) for each in apart)


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
