"""Which axes of an array hold channels, and how weights line up with its values."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


def channel_axes(axis: int | tuple[int, ...], ndim: int) -> tuple[int, ...]:
    """Return the channel axes as sorted non-negative numbers.

    Raises:
        ValueError: an axis does not exist in an array of `ndim` axes, or is named twice.
    """
    given = (axis,) if isinstance(axis, int) else tuple(axis)
    axes = sorted(a + ndim if a < 0 else a for a in given)
    if any(not 0 <= a < ndim for a in axes):
        raise ValueError(f"axis {axis} is out of range for {ndim} axes; expected {-ndim} to {ndim - 1}")
    if len(set(axes)) != len(axes) or not axes:
        raise ValueError(f"axis {axis} does not name one or more different axes; name each channel axis once")
    return tuple(axes)


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
