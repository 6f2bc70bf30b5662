"""ONNX's tensors: where their bytes are, in the file itself or in one beside it."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from steadynorm.artifacts import places
from steadynorm.artifacts.contents import Tensor
from steadynorm.artifacts.dtypes import count_of, decode, width_of
from steadynorm.artifacts.onnx_messages import DATA_TYPES, EXTERNAL, messages
from steadynorm.artifacts.protobuf import parse
from steadynorm.artifacts.source import Source, open_source
from steadynorm.artifacts.wire import Field, fields
from steadynorm.errors import UnusableInputError

SMALL = 1 << 16
"""Tensors up to this many bytes are read with the rest of the file; of larger ones only the description is."""

_RAW_DATA, _LARGE = 9, frozenset({4, 5, 7, 9, 10, 11})
_PACKED = {4: "float32", 10: "float64", 7: "int64"}
_LISTS = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data")


def read_tensor(source: Source, field: Field) -> Tensor:
    """A TensorProto of the file as a tensor; the values of a large one stay where they are.

    Raises:
        UnusableInputError: it is damaged, or its shape is impossible.
    """
    kind = messages()["TensorProto"]
    if field.size <= SMALL:
        return tensor_of(parse(kind, source.read(field.start, field.stop), source.path, "a TensorProto"), source.path)
    described, values = b"", None
    for part in fields(source, field.start, field.stop):
        if part.number in _LARGE and part.size > SMALL // 2:
            values = part
        else:
            described += source.read(part.begin, part.stop)
    message = parse(kind, described, source.path, "a TensorProto")
    if values is None:
        return tensor_of(message, source.path)
    shape, dtype = tuple(message.dims), _dtype(message)
    stored = dtype if values.number == _RAW_DATA else _PACKED.get(values.number)
    count_of(shape, source.path, message.name)
    load = partial(_in_place, source, values, stored, dtype, shape, message.name)
    return Tensor(message.name, shape, dtype, load)


def tensor_of(message: Any, path: str) -> Tensor:
    """A parsed TensorProto as a tensor.

    Arguments:
        message: the TensorProto.
        path: the model's file, beside which external data lie.
    """
    shape, dtype = tuple(message.dims), _dtype(message)
    count_of(shape, path, message.name)
    if message.data_location == EXTERNAL:
        where = {entry.key: entry.value for entry in message.external_data}
        return Tensor(message.name, shape, dtype, partial(_beside, path, where, dtype, shape, message.name))
    return Tensor(message.name, shape, dtype, partial(_inline, message, dtype, shape, path))


def _dtype(message: Any) -> str:
    return DATA_TYPES.get(message.data_type, f"ONNX type {message.data_type}")


def _inline(message: Any, dtype: str, shape: tuple[int, ...], path: str) -> npt.NDArray[np.generic]:
    if message.raw_data or not count_of(shape, path, message.name):
        return decode(message.raw_data, dtype, shape, path, message.name)
    values = next((list(getattr(message, name)) for name in _LISTS if len(getattr(message, name))), [])
    if dtype in ("float16", "bfloat16") or dtype.startswith("float8"):  # their bits as integers
        bits = np.asarray(values, np.int64).astype(f"<u{width_of(dtype)}").tobytes()
    elif width_of(dtype):
        bits = np.asarray(values).astype(np.dtype(dtype).newbyteorder("<")).tobytes()
    else:
        bits = b""
    return decode(bits, dtype, shape, path, message.name)


def _in_place(
    source: Source, field: Field, stored: str | None, dtype: str, shape: tuple[int, ...], name: str
) -> npt.NDArray[np.generic]:
    if stored != dtype:
        raise UnusableInputError(
            f"{source.path}: the tensor {places.shortened(name)} keeps {dtype} in field {field.number}, where a large "
            "tensor of that type is not read; expected raw data"
        )
    return decode(source.read(field.start, field.stop), dtype, shape, source.path, name)


def _beside(path: str, where: dict[str, str], dtype: str, shape: tuple[int, ...], name: str) -> npt.NDArray[np.generic]:
    size = count_of(shape, path, name) * (width_of(dtype) or 0)
    try:
        offset, length = int(where.get("offset") or 0), int(where.get("length") or size)
    except ValueError as error:
        raise UnusableInputError(f"{path}: where the tensor {places.shortened(name)} lies is no number") from error
    beside = places.inside(places.folder_of(path), where.get("location", ""), path)
    with open_source(beside) as source:
        return decode(source.read(offset, offset + length), dtype, shape, beside, name)
