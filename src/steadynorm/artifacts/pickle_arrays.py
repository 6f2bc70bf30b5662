"""NumPy arrays and numbers within a pickle, from the records of how NumPy would have built them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from steadynorm.artifacts.pickle_records import Piece, RawBytes, Record
from steadynorm.artifacts.places import shortened
from steadynorm.errors import UnusableInputError

_TYPE = re.compile(r"[|<>=]?([?]|b1|[iu][1248]|f[248]|c8|c16)")
"""Types of numbers only: no objects, no records, no texts."""

_RECONSTRUCT = ("numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct")
_FROM_BUFFER = ("numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer")
_SCALAR = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
_MOST_AXES = 32


@dataclass(frozen=True, slots=True, eq=False)
class InlineArray:
    """A NumPy array, whose bytes are within the pickle.

    Arguments:
        type: its type, with the byte order.
        shape: its shape.
        fortran: whether its first axis is the fastest.
        data: its bytes.
    """

    type: np.dtype[np.generic]
    shape: tuple[int, ...]
    fortran: bool
    data: RawBytes

    def load(self, path: str, name: str) -> npt.NDArray[np.generic]:
        """The array; `path` and `name` are for the error.

        Raises:
            UnusableInputError: the file has fewer bytes than the shape asks for, or others.
        """
        data = self._bytes(path, name)
        expected = math.prod(self.shape) * self.type.itemsize
        if len(data) != expected:
            raise UnusableInputError(
                f"{path}: the array {shortened(name)} has {len(data)} bytes; its shape {self.shape} takes {expected}"
            )
        flat = np.frombuffer(data, self.type)
        return flat.reshape(self.shape, order="F" if self.fortran else "C").astype(self.type.newbyteorder("="))

    def _bytes(self, path: str, name: str) -> bytes:
        if isinstance(self.data, str):
            return self.data.encode("utf-8", "surrogatepass")
        data = self.data.read() if isinstance(self.data, Piece) else self.data
        if not isinstance(self.data, Piece) or not self.data.text:
            return data
        try:
            return data.decode("utf-8").encode("latin-1")
        except UnicodeError as error:
            raise UnusableInputError(f"{path}: the bytes of the array {shortened(name)} are damaged") from error


def array_of(value: object) -> InlineArray | None:
    """The array that a record describes, `None` if it describes none of numbers."""
    if not isinstance(value, Record):
        return None
    if value.path in _RECONSTRUCT and isinstance(value.state, tuple) and len(value.state) == 5:
        _, shape, kind, fortran, data = value.state
    elif value.path in _FROM_BUFFER and isinstance(value.arguments, tuple) and len(value.arguments) == 4:
        data, kind, shape, order = value.arguments
        fortran = order == "F"
    else:
        return None
    type_ = _type_of(kind)
    if type_ is None or not isinstance(shape, tuple) or len(shape) > _MOST_AXES:
        return None
    if not all(isinstance(each, int) and 0 <= each < 1 << 62 for each in shape):
        return None
    if not isinstance(data, bytes | str | Piece):
        return None
    return InlineArray(type_, shape, fortran is True, data)


def number_of(value: object) -> int | float | bool | None:
    """A plain number, or NumPy's of one value; `None` for anything else."""
    if isinstance(value, int | float):
        return value
    if not isinstance(value, Record) or value.path not in _SCALAR or not isinstance(value.arguments, tuple):
        return None
    if len(value.arguments) != 2:
        return None
    type_, data = _type_of(value.arguments[0]), value.arguments[1]
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogatepass")
    if type_ is None or type_.kind == "c" or not isinstance(data, bytes) or len(data) != type_.itemsize:
        return None
    found = np.frombuffer(data, type_)[0].item()
    return found if isinstance(found, int | float) else None


def _type_of(value: object) -> np.dtype[np.generic] | None:
    """numpy.dtype("f4", False, True) with the byte order in its state."""
    if not isinstance(value, Record) or value.path != "numpy.dtype" or not isinstance(value.arguments, tuple):
        return None
    name = value.arguments[0] if value.arguments else None
    if isinstance(name, bytes):
        name = name.decode("ascii", "replace")
    if not isinstance(name, str) or not _TYPE.fullmatch(name):
        return None
    order = value.state[1] if isinstance(value.state, tuple) and len(value.state) > 1 else None
    order = order.decode("ascii", "replace") if isinstance(order, bytes) else order
    kind = np.dtype(name)
    return kind.newbyteorder(">") if order == ">" else kind
