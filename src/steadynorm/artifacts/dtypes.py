"""Bytes into arrays, of the types that NumPy has and of those that it lacks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from steadynorm.artifacts.places import shortened
from steadynorm.errors import UnusableInputError

_WIDTHS = {
    **{name: np.dtype(name).itemsize for name in ("bool", "float16", "float32", "float64", "complex64", "complex128")},
    **{f"{kind}{8 * width}": width for kind in ("int", "uint") for width in (1, 2, 4, 8)},
    "bfloat16": 2,
    "float8_e4m3fn": 1,
    "float8_e4m3fnuz": 1,
    "float8_e5m2": 1,
    "float8_e5m2fnuz": 1,
}

MOST_AXES = 64
"""NumPy's limit."""


def width_of(dtype: str) -> int | None:
    """Bytes per value; `None` for types that are not decoded, as text and packed integers."""
    return _WIDTHS.get(dtype)


def count_of(shape: Sequence[int], path: str, name: str) -> int:
    """How many values a tensor of this shape has, computed without overflow.

    Raises:
        UnusableInputError: a length is negative, or there are more axes or values than any file holds.
    """
    if len(shape) > MOST_AXES:  # before anything is multiplied: the product of millions has millions of digits
        raise UnusableInputError(f"{path}: the tensor {shortened(name)} has the impossible shape of {len(shape)} axes")
    count = 1
    for length in shape:
        count *= max(length, 1) if length >= 0 else 0
    if any(length < 0 for length in shape) or count >= 1 << 48:
        text = shortened(str(list(shape)))
        raise UnusableInputError(f"{path}: the tensor {shortened(name)} has the impossible shape {text}")
    return 0 if 0 in shape else count


def decode(data: bytes, dtype: str, shape: tuple[int, ...], path: str, name: str) -> npt.NDArray[np.generic]:
    """An array from its little-endian bytes; types that NumPy lacks come as float32.

    Arguments:
        data: the bytes, as many as the shape takes.
        dtype: as in `Tensor`.
        shape: the array's.
        path: the file, for the error.
        name: the tensor, for the error.

    Raises:
        UnusableInputError: the type is not decoded, or the bytes are too few or too many.
    """
    width = width_of(dtype)
    if width is None:
        raise UnusableInputError(f"{path}: the tensor {shortened(name)} is of the type {dtype}, which is not read")
    wanted = width * count_of(shape, path, name)
    if len(data) != wanted:
        raise UnusableInputError(
            f"{path}: the tensor {shortened(name)} of shape {list(shape)} and type {dtype} has {len(data)} bytes; "
            f"expected {wanted}"
        )
    if dtype == "bfloat16":
        values = (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
    elif dtype.startswith("float8"):
        values = _float8_values(dtype)[np.frombuffer(data, np.uint8)]
    elif dtype == "bool":
        values = np.frombuffer(data, np.uint8) != 0
    else:
        values = np.frombuffer(data, np.dtype(dtype).newbyteorder("<"))
    decoded: npt.NDArray[np.generic] = values.reshape(shape)
    return decoded


@cache
def _float8_values(dtype: str) -> npt.NDArray[np.float32]:
    """The value of each of the 256 bytes of an 8-bit float."""
    mantissa_bits = 3 if "e4m3" in dtype else 2
    unsigned_zero = dtype.endswith("fnuz")
    bias = (7 if mantissa_bits == 3 else 15) + unsigned_zero
    codes = np.arange(256)
    exponent, mantissa = (codes & 0x7F) >> mantissa_bits, codes & ((1 << mantissa_bits) - 1)
    fraction = mantissa / (1 << mantissa_bits)
    values = np.where(
        exponent == 0, fraction * 2.0 ** (1 - bias), (1 + fraction) * 2.0 ** (exponent - bias).astype(np.float64)
    )
    values = np.where(codes >= 0x80, -values, values)
    if unsigned_zero:
        values[0x80] = np.nan
    elif mantissa_bits == 3:
        values[[0x7F, 0xFF]] = np.nan
    else:
        values[exponent == 31] = np.where(
            mantissa[exponent == 31] == 0, np.where(codes[exponent == 31] >= 0x80, -np.inf, np.inf), np.nan
        )
    return values.astype(np.float32)
