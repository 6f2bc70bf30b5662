"""How values are laid out: channels last, samples that share a batch together, weights lined up with them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Layout:
    """How values of one shape become (groups, positions, channels), the form in which every option is the same.

    Attributes:
        shape: shape of the values.
        kept: the channel axes, sorted and non-negative; several are flattened to one.
        group_size: samples (along axis 0) that are normalized together; None for all.
        strided: sample n of N goes to group n mod (N / group_size) instead of sharing one with its neighbours.
    """

    shape: tuple[int, ...]
    kept: tuple[int, ...]
    group_size: int | None = None
    strided: bool = False

    def __post_init__(self) -> None:
        if self.group_size is not None and self.shape[0] % self.group_size:
            raise ValueError(
                f"virtual_batch_size {self.group_size} does not divide the batch of {self.shape[0]}; "
                "expected a multiple: change one, or drop the last, smaller batch"
            )

    @property
    def channels(self) -> tuple[int, ...]:
        """Sizes of the channel axes."""
        return tuple(self.shape[a] for a in self.kept)

    @property
    def _order(self) -> tuple[int, ...]:
        return (*(a for a in range(len(self.shape)) if a not in self.kept), *self.kept)

    @property
    def _grouped(self) -> tuple[int, int, int, int]:
        """Return groups, samples per group, positions per sample (all as one sample if not grouped), channels."""
        channels = math.prod(self.channels)
        reduced = [s for a, s in enumerate(self.shape) if a not in self.kept]
        if self.group_size is None:
            return 1, 1, math.prod(reduced), channels
        return self.shape[0] // self.group_size, self.group_size, math.prod(reduced[1:]), channels

    def split(self, values: ArrayLike) -> FloatArray:
        """Return values that broadcast to `shape` as (groups, positions, channels)."""
        full = np.broadcast_to(np.asarray(values, dtype=np.float64), self.shape).transpose(self._order)
        groups, samples, positions, channels = self._grouped
        if self.strided:
            full = full.reshape(samples, groups, positions, channels).swapaxes(0, 1)
        return full.reshape(groups, samples * positions, channels)

    def join(self, values: FloatArray) -> FloatArray:
        """Return (groups, positions, channels) in the original shape; the inverse of `split`."""
        groups, samples, positions, channels = self._grouped
        full = values.reshape(groups, samples, positions, channels)
        if self.strided:
            full = full.swapaxes(0, 1)
        ordered = full.reshape([self.shape[a] for a in self._order])
        return ordered.transpose(np.argsort(self._order))


def expand_weights(weights: ArrayLike, shape: tuple[int, ...], kept: tuple[int, ...]) -> FloatArray:
    """Return weights with as many axes as the values they belong to, so that they broadcast.

    Args:
        weights: per sample (N,), per position (the shape of the reduced axes), or with as many axes as
            `shape`.
        shape: shape of the values.
        kept: the channel axes, sorted and non-negative.

    Raises:
        ValueError: the shape fits none of these, or a weight is negative or not finite.
    """
    array = np.asarray(weights, dtype=np.float64)
    reduced = [a for a in range(len(shape)) if a not in kept]
    if array.ndim == 1 and reduced:
        array = array.reshape([-1 if a == reduced[0] else 1 for a in range(len(shape))])
    elif array.ndim == len(reduced):
        array = np.expand_dims(array, kept)
    if array.ndim != len(shape) or any(w not in (1, s) for w, s in zip(array.shape, shape, strict=True)):
        raise ValueError(
            f"weights of shape {np.shape(weights)} do not fit values of shape {shape} with channel axes "
            f"{kept}; "
            "expected one weight per sample, per position or per value"
        )
    if not (np.isfinite(array) & (array >= 0)).all():
        raise ValueError("weights must be finite and not negative; give zero to what is to be left out")
    return array
