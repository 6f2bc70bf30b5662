"""Tensors that are stored in several slices, put together again."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from steadynorm.artifacts.dtypes import count_of, width_of
from steadynorm.artifacts.places import shortened
from steadynorm.artifacts.source import MOST_AT_ONCE
from steadynorm.artifacts.tensorflow_records import Ranges
from steadynorm.errors import UnusableInputError


def shape_within(shape: tuple[int, ...], ranges: Ranges, path: str, name: str) -> tuple[int, ...]:
    """The shape of one slice.

    Raises:
        UnusableInputError: it does not lie within the tensor.
    """
    lengths = tuple(whole if length < 0 else length for whole, (_, length) in zip(shape, ranges, strict=False))
    inside = all(
        0 <= start <= whole - length for whole, length, (start, _) in zip(shape, lengths, ranges, strict=False)
    )
    if len(ranges) != len(shape) or not inside:
        raise UnusableInputError(
            f"{path}: is damaged: a slice of {shortened(name)} lies outside its shape {shortened(str(list(shape)))}"
        )
    return lengths


def merged(
    shape: tuple[int, ...],
    dtype: str,
    parts: Iterable[tuple[Ranges, Callable[[], npt.NDArray[np.generic]]]],
    path: str,
    name: str,
) -> npt.NDArray[np.generic]:
    """One tensor from its slices.

    Raises:
        UnusableInputError: the slices do not make up the tensor, or it is too large.
    """
    parts = list(parts)
    total = count_of(shape, path, name)
    covered = sum(count_of(shape_within(shape, ranges, path, name), path, name) for ranges, _ in parts)
    if covered != total:
        raise UnusableInputError(f"{path}: the slices of {shortened(name)} hold {covered} of its {total} values")
    if total * (width_of(dtype) or 1) > MOST_AT_ONCE:
        raise UnusableInputError(f"{path}: {shortened(name)} has {total} values, which is too large to put together")
    whole: npt.NDArray[np.generic] | None = None
    for ranges, load in parts:
        values = load()
        if whole is None:
            whole = np.zeros(shape, values.dtype)
        whole[tuple(slice(start, None if length < 0 else start + length) for start, length in ranges)] = values
    return np.zeros(shape) if whole is None else whole
