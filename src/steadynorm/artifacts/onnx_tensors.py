"""ONNX's tensors: where their bytes are, in the file itself or in one beside it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from steadynorm.artifacts import places
from steadynorm.artifacts.contents import Tensor
from steadynorm.artifacts.dtypes import count_of, decode, width_of
from steadynorm.artifacts.onnx_messages import DATA_TYPES, EXTERNAL, messages
from steadynorm.artifacts.protobuf import parse
from steadynorm.artifacts.source import Extent, Source, of_bytes, open_source
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
        data = source.read(field.start, field.stop)
        found = tensor_of(parse(kind, data, source.path, "a TensorProto", source.budget), source.path)
        return found if found.extent else replace(found, extent=_extent(source, field, data, found))
    described, values = [], None
    for part in fields(source, field.start, field.stop):
        if part.number in _LARGE and part.size > SMALL // 2:
            values = part
        else:
            described.append(source.read(part.begin, part.stop))
    message = parse(kind, b"".join(described), source.path, "a TensorProto", source.budget)
    if values is None:
        return tensor_of(message, source.path)
    shape, dtype = _shape(message, source.path), _dtype(message)
    stored = dtype if values.number == _RAW_DATA else _PACKED.get(values.number)
    load = partial(_in_place, source, values, stored, dtype, shape, message.name)
    extent = source.extent(values.start, values.stop) if stored == dtype else None
    return Tensor(message.name, shape, dtype, load, extent)


def _extent(source: Source, field: Field, data: bytes, tensor: Tensor) -> Extent | None:
    """Where the values of a small tensor are, if they are kept as their bytes."""
    size = count_of(tensor.shape, source.path, tensor.name) * (width_of(tensor.dtype) or 0)
    for part in fields(of_bytes(source.path, data, source.budget), 0, len(data)):
        if (part.number == _RAW_DATA or _PACKED.get(part.number) == tensor.dtype) and part.size == size:
            return source.extent(field.start + part.start, field.start + part.stop)
    return None


def tensor_of(message: Any, path: str) -> Tensor:
    """A parsed TensorProto as a tensor.

    Arguments:
        message: the TensorProto.
        path: the model's file, beside which external data lie.
    """
    shape, dtype = _shape(message, path), _dtype(message)
    if message.data_location == EXTERNAL:
        where = {entry.key: entry.value for entry in message.external_data}
        load = partial(_beside, path, where, dtype, shape, message.name)
        try:
            extent: Extent | None = _extent_beside(path, where, dtype, shape, message.name)
        except UnusableInputError:
            extent = None  # its values cannot be read either, which is said when they are asked for
        return Tensor(message.name, shape, dtype, load, extent)
    return Tensor(message.name, shape, dtype, partial(_inline, message, dtype, shape, path))


def _shape(message: Any, path: str) -> tuple[int, ...]:
    count_of(message.dims, path, message.name)
    return tuple(message.dims)


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
    extent = _extent_beside(path, where, dtype, shape, name)
    with open_source(extent.path) as source:
        return decode(source.read(extent.start, extent.stop), dtype, shape, extent.path, name)


def _extent_beside(path: str, where: dict[str, str], dtype: str, shape: tuple[int, ...], name: str) -> Extent:
    size = count_of(shape, path, name) * (width_of(dtype) or 0)
    try:
        offset, length = int(where.get("offset") or 0), int(where.get("length") or size)
    except ValueError as error:
        raise UnusableInputError(f"{path}: where the tensor {places.shortened(name)} lies is no number") from error
    beside = places.inside(places.folder_of(path), where.get("location", ""), path)
    return Extent(beside, offset, offset + length)
