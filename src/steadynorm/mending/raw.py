"""Tensors as they are written: a type, a shape and the bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from steadynorm.artifacts.contents import Tensor
from steadynorm.artifacts.dtypes import count_of, width_of
from steadynorm.artifacts.places import shortened
from steadynorm.artifacts.source import Extent, open_source
from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Array
from steadynorm.mending.encoding import FLOATS, encoded


@dataclass(frozen=True, slots=True)
class Raw:
    """A tensor to be written.

    Arguments:
        name: its name in the new file.
        dtype: as in `Tensor`.
        shape: its shape.
        read: its little-endian bytes, read when they are written.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    read: Callable[[], bytes]

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return count_of(self.shape, "the output", self.name) * (width_of(self.dtype) or 0)

    def array(self) -> npt.NDArray[np.generic]:
        """Its values; of types that NumPy lacks the bits, as unsigned integers."""
        lacking = self.dtype.startswith(("bfloat", "float8"))  # also where another package has taught it to NumPy
        kind = f"uint{8 * (width_of(self.dtype) or 1)}" if lacking else self.dtype
        found: npt.NDArray[np.generic] = np.frombuffer(self.read(), kind).reshape(self.shape)
        return found


def of_values(name: str, dtype: str, values: Array) -> Raw:
    """One dimension of new values, rounded to their type.

    Raises:
        UnusableInputError: the type cannot hold them.
    """
    data = encoded(values, dtype, name)
    return Raw(name, dtype, (values.size,), lambda: data)


def of_tensor(tensor: Tensor, name: str, transpose: tuple[int, ...] | None = None) -> Raw | None:
    """A tensor of a file under another name, bit for bit; `None` if it has no values that can be copied, as texts.

    Arguments:
        tensor: the file's.
        name: its new name.
        transpose: the order of its axes; `None` leaves them.

    Raises:
        UnusableInputError: it has another number of axes than `transpose`.
    """
    if width_of(tensor.dtype) is None:
        return None
    if transpose is not None and len(transpose) != len(tensor.shape):
        raise UnusableInputError(
            f"{shortened(tensor.name)} of shape {list(tensor.shape)} has {len(tensor.shape)} axes; the map orders "
            f"{len(transpose)}"
        )
    as_it_is = Raw(name, tensor.dtype, tensor.shape, partial(_bytes_of, tensor))
    if transpose is None:
        return as_it_is
    shape = tuple(tensor.shape[axis] for axis in transpose)
    return Raw(name, tensor.dtype, shape, lambda: as_it_is.array().transpose(transpose).tobytes())


def _bytes_of(tensor: Tensor) -> bytes:
    if tensor.extent is not None and (tensor.extent.order == "<" or width_of(tensor.dtype) == 1):
        return _range(tensor.extent)
    values = tensor.load()
    if values.dtype.name == tensor.dtype:
        return values.astype(values.dtype.newbyteorder("<")).tobytes()
    if tensor.dtype in FLOATS:
        return _exactly(values, tensor)
    raise UnusableInputError(f"the tensor {shortened(tensor.name)} of type {tensor.dtype} cannot be copied from here")


def _range(extent: Extent) -> bytes:
    with open_source(extent.path) as source:
        return source.read(extent.start, extent.stop)


def _exactly(values: npt.NDArray[np.generic], tensor: Tensor) -> bytes:
    """The upper halves of what was widened to 32 bits, whatever they are: NaN stays the NaN that it is."""
    assert tensor.dtype == "bfloat16"
    halves = np.ascontiguousarray(values, np.float32).view(np.uint32) >> np.uint32(16)
    return halves.astype("<u2").tobytes()
