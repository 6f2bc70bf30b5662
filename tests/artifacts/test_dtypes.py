"""Every type against ml_dtypes or NumPy."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from steadynorm.artifacts.dtypes import count_of, decode, width_of
from steadynorm.errors import UnusableInputError


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz"])
def test_every_8_bit_float(dtype: str) -> None:
    data = bytes(range(256))
    truth = np.frombuffer(data, getattr(ml_dtypes, dtype)).astype(np.float32)

    np.testing.assert_array_equal(decode(data, dtype, (16, 16), "f", "t"), truth.reshape(16, 16))


def test_every_bfloat16() -> None:
    codes = np.arange(1 << 16, dtype=np.uint16)
    truth = codes.view(ml_dtypes.bfloat16).astype(np.float32)

    np.testing.assert_array_equal(decode(codes.tobytes(), "bfloat16", (1 << 16,), "f", "t"), truth)


@pytest.mark.parametrize("dtype", ["bool", "float16", "float32", "float64", "int8", "uint16", "int64", "complex64"])
def test_numpy_types(dtype: str) -> None:
    values = np.array([[0, 1, 2], [3, 4, 5]]).astype(dtype)

    decoded = decode(values.tobytes(), dtype, (2, 3), "f", "t")

    np.testing.assert_array_equal(decoded, values)
    assert decoded.dtype == values.dtype
    assert width_of(dtype) == values.dtype.itemsize


@pytest.mark.parametrize("shape", [(1 << 40, 1 << 40), (-1,), (-1, -1), (0, -2), (1,) * 65, (1 << 63, 0, 1 << 63)])
def test_impossible_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(UnusableInputError, match="impossible shape"):
        count_of(shape, "file", "weight")


def test_sizes_must_fit() -> None:
    assert count_of((3, 0, 5), "file", "weight") == 0
    with pytest.raises(UnusableInputError, match=r"file: the tensor .weight. .* has 7 bytes; expected 8"):
        decode(bytes(7), "float32", (2,), "file", "weight")
    with pytest.raises(UnusableInputError, match="the type string, which is not read"):
        decode(b"", "string", (), "file", "weight")
