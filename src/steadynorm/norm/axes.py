"""Which axes hold channels: plain numbers, so that the options of a layer need no NumPy."""

from __future__ import annotations


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
