"""Values into the bytes of a tensor's own type, with what that rounds."""

from __future__ import annotations

import numpy as np

from steadynorm.artifacts.dtypes import decode
from steadynorm.artifacts.places import shortened
from steadynorm.artifacts.source import Order
from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Array

FLOATS = ("float64", "float32", "float16", "bfloat16")


def encoded(values: Array, dtype: str, name: str, order: Order = "<") -> bytes:
    """The bytes of values in a type, rounded to the nearest of its numbers.

    Arguments:
        values: in the order of the tensor's shape.
        dtype: as in `Tensor`.
        name: the tensor, for the error.
        order: `<` or `>`, the byte order.

    Raises:
        UnusableInputError: the type is not one for statistics, or a value is not finite or too large for it.
    """
    if dtype not in FLOATS:
        raise UnusableInputError(
            f"the tensor {shortened(name)} is of the type {dtype}, in which no statistics are kept; expected "
            f"{', '.join(FLOATS[:-1])} or {FLOATS[-1]}"
        )
    with np.errstate(over="ignore"):
        rounded = _bfloat16(values) if dtype == "bfloat16" else values.astype(dtype)
    if not np.all(np.isfinite(decoded(rounded.tobytes(), dtype, name))):
        raise UnusableInputError(
            f"the new values of {shortened(name)} do not fit into {dtype}: they are up to "
            f"{np.max(np.abs(values)):.3g}; nothing was written"
        )
    return rounded.astype(rounded.dtype.newbyteorder(order)).tobytes()


def decoded(data: bytes, dtype: str, name: str) -> Array:
    """The values that little-endian bytes of a type hold."""
    width = 2 if dtype == "bfloat16" else np.dtype(dtype).itemsize
    return np.asarray(decode(data, dtype, (len(data) // width,), "the new statistics", name), np.float64)


def _bfloat16(values: Array) -> np.ndarray[tuple[int, ...], np.dtype[np.uint16]]:
    """The upper halves of 32-bit floats, rounded to even as every framework does."""
    bits = values.astype(np.float32).view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
