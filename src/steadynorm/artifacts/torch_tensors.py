"""Tensors as ranges of a file: where a storage lies, and how a view of it is read without the rest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from steadynorm.artifacts.contents import Tensor
from steadynorm.artifacts.dtypes import decode, width_of
from steadynorm.artifacts.pickle_arrays import InlineArray
from steadynorm.artifacts.places import shortened
from steadynorm.artifacts.source import Order, Source
from steadynorm.artifacts.torch_types import SIZES
from steadynorm.artifacts.torch_values import Storage, Strided
from steadynorm.errors import UnusableInputError

MOST_REPEATED = 1 << 24
"""Elements that a view may have beyond those of its storage, which axes of stride 0 repeat."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the bytes of a storage are.

    Arguments:
        source: the file.
        start: their first byte.
        stop: the byte behind their last.
        order: `<` or `>`, their byte order.
    """

    source: Source
    start: int
    stop: int
    order: Order = "<"


class Places:
    """The storages of a file by their keys.

    Arguments:
        source: the file that the pickle is in; messages name it.
        places: where each storage is.
    """

    def __init__(self, source: Source, places: Mapping[str, Place]) -> None:
        self.source = source
        self._places = places

    def tensor(self, name: str, value: Strided | InlineArray) -> Tensor:
        """The tensor of a view, which is checked against the bytes that are there.

        Raises:
            UnusableInputError: the view does not fit into its storage, or the storage not into the file.
        """
        if isinstance(value, InlineArray):
            array = value
            return Tensor(name, array.shape, array.type.name, lambda: array.load(self.source.path, name))
        view = value
        storage = view.storage
        if view.why or storage is None or width_of(view.dtype) is None:
            why = view.why or f"values of the type {view.dtype} are not decoded"
            return Tensor(name, view.shape, view.dtype, lambda: self._refuse(name, why))
        place = self._places.get(storage.key)
        if not math.prod(view.shape):
            return Tensor(name, view.shape, view.dtype, lambda: self._decoded(name, view, b""))
        if place is None:
            key = shortened(storage.key)
            raise UnusableInputError(f"{self.source.path}: has no storage {key} for the tensor {shortened(name)}")
        start, stop = self._range(name, view, storage, place)
        return Tensor(
            name,
            view.shape,
            view.dtype,
            lambda: self._load(name, view, place, start, stop),
            place.source.extent(start, stop, place.order) if _is_plain(view) else None,
        )

    def _refuse(self, name: str, why: str) -> npt.NDArray[np.generic]:
        raise UnusableInputError(f"{self.source.path}: the tensor {shortened(name)} cannot be read: {why}")

    def _range(self, name: str, view: Strided, storage: Storage, place: Place) -> tuple[int, int]:
        """The bytes of the file that the view spans."""
        start, stop = _span(view, storage)
        if stop > place.stop - place.start:
            raise UnusableInputError(
                f"{self.source.path}: the tensor {shortened(name)} of shape {_short(view.shape)} takes {stop} bytes of "
                f"storage {shortened(storage.key)}, which has {place.stop - place.start}"
            )
        if math.prod(view.shape) - (stop - start) // SIZES[view.dtype] > MOST_REPEATED:
            raise UnusableInputError(
                f"{self.source.path}: the tensor {shortened(name)} of shape {_short(view.shape)} repeats "
                f"{stop - start} bytes without end"
            )
        return place.start + start, place.start + stop

    def _load(self, name: str, view: Strided, place: Place, start: int, stop: int) -> npt.NDArray[np.generic]:
        data = place.source.read(start, stop)
        if not _is_plain(view):
            data = _gathered(data, view)
        if place.order == ">":
            data = _swapped(data, view.dtype)
        return self._decoded(name, view, data)

    def _decoded(self, name: str, view: Strided, data: bytes) -> npt.NDArray[np.generic]:
        found = decode(data, view.dtype, view.shape, self.source.path, name)
        if view.conjugate:
            found = np.conjugate(found)
        if view.negative and found.dtype.kind != "b":
            found = np.negative(found)
        return found


def _is_plain(view: Strided) -> bool:
    """Whether the file has its values as they are, one behind the other."""
    expected = 1
    for length, step in zip(reversed(view.shape), reversed(view.stride), strict=True):
        if length > 1 and step != expected:
            return False
        expected *= length
    return not view.negative and not view.conjugate


def _gathered(data: bytes, view: Strided) -> bytes:
    """The elements of a view in the order of its axes, from the bytes that it spans."""
    raw = np.frombuffer(data, f"V{SIZES[view.dtype]}")
    steps = tuple(step * raw.itemsize for step in view.stride)
    return np.lib.stride_tricks.as_strided(raw, view.shape, steps, writeable=False).tobytes()


def _swapped(data: bytes, dtype: str) -> bytes:
    width = SIZES[dtype] // (2 if dtype.startswith("complex") else 1)
    return np.frombuffer(data, f"u{width}").byteswap().tobytes()


def _span(view: Strided, storage: Storage) -> tuple[int, int]:
    """The bytes of the storage's memory, from the view's first element to behind its last."""
    size = SIZES[view.dtype]
    last = sum((count - 1) * step for count, step in zip(view.shape, view.stride, strict=True))
    start = storage.start * SIZES[storage.dtype] + view.offset * size
    return start, start + (last + 1) * size


def scalar(tensor: Tensor) -> float | None:
    """The value of a tensor that holds one real number, `None` of any other."""
    if math.prod(tensor.shape) != 1 or width_of(tensor.dtype) is None or tensor.dtype.startswith("complex"):
        return None
    return float(tensor.load().reshape(-1)[0])


def _short(shape: tuple[int, ...]) -> str:
    text = " × ".join(str(each) for each in shape[:8]) or "()"
    return text if len(shape) <= 8 else f"{text} × …"
