"""TensorFlow's first format of checkpoints: tables that hold the values themselves, one or several to a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from steadynorm.artifacts.contents import Tensor
from steadynorm.artifacts.dtypes import count_of, decode, width_of
from steadynorm.artifacts.places import shortened
from steadynorm.artifacts.protobuf import parse
from steadynorm.artifacts.slices import merged, shape_within
from steadynorm.artifacts.tensorflow_records import MESSAGES, Ranges, dtype_of, ranges_of, shape_of, slice_key
from steadynorm.artifacts.tensorflow_table import MOST_ENTRIES, Table
from steadynorm.errors import UnusableInputError

_VALUES = {
    "float32": "float_val",
    "float64": "double_val",
    "int32": "int_val",
    "int16": "int_val",
    "int8": "int_val",
    "uint8": "int_val",
    "uint16": "int_val",
    "int64": "int64_val",
    "bool": "bool_val",
    "float16": "half_val",
    "bfloat16": "half_val",
    "uint32": "uint32_val",
    "uint64": "uint64_val",
}
"""The field that holds the values of a type."""

MOST_RECORDS = 1 << 23
"""Most bytes of lists that are parsed: an empty message takes two bytes in the file and dozens in memory."""


@dataclass(slots=True)
class _Saved:
    shape: tuple[int, ...]
    dtype: str
    parts: list[tuple[Table, Ranges]] = field(default_factory=list)


def tensors_of(tables: Sequence[tuple[Table, bytes]]) -> dict[str, Tensor]:
    """The tensors of a checkpoint.

    Arguments:
        tables: its files, each with the value of its first, nameless entry, which lists what the file holds.

    Raises:
        UnusableInputError: a file is damaged, or the files contradict each other.
    """
    saved: dict[str, _Saved] = {}
    left = MOST_RECORDS
    for table, header in tables:
        path = table.source.path
        left -= len(header)
        if left < 0:
            raise UnusableInputError(f"{path}: its list of tensors has over {MOST_RECORDS} bytes")
        listed = parse(MESSAGES["SavedTensorSlices"], header, path, "the list of a checkpoint").meta.tensor
        if len(listed) > MOST_ENTRIES:
            raise UnusableInputError(f"{path}: lists {len(listed)} tensors; expected at most {MOST_ENTRIES}")
        for each in listed:
            shape = shape_of(each.shape)
            count_of(shape, path, each.name)
            known = saved.setdefault(each.name, _Saved(shape, dtype_of(each.type)))
            if known.shape != shape:
                raise UnusableInputError(f"{path}: {shortened(each.name)} has another shape than in the file before")
            known.parts.extend((table, ranges_of(message)) for message in each.slice)
    return {name: Tensor(name, each.shape, each.dtype, partial(_load, name, each)) for name, each in saved.items()}


def _load(name: str, saved: _Saved) -> npt.NDArray[np.generic]:
    path = saved.parts[0][0].source.path if saved.parts else "the checkpoint"
    parts = [(ranges, partial(_slice, name, saved, table, ranges)) for table, ranges in saved.parts]
    return merged(saved.shape, saved.dtype, parts, path, name)


def _slice(name: str, saved: _Saved, table: Table, ranges: Ranges) -> npt.NDArray[np.generic]:
    path = table.source.path
    value = table.get(slice_key(name.encode(), ranges))
    if value is None:
        raise UnusableInputError(f"{path}: is damaged: it lists {shortened(name)} and does not hold it")
    shape = shape_within(saved.shape, ranges, path, name)
    return _values(parse(MESSAGES["SavedValues"], value, path, shortened(name)).data.data, saved, shape, path, name)


def _values(message: Any, saved: _Saved, shape: tuple[int, ...], path: str, name: str) -> npt.NDArray[np.generic]:
    if message.tensor_content:
        return decode(message.tensor_content, saved.dtype, shape, path, name)
    kind = _VALUES.get(saved.dtype)
    if kind is None:
        raise UnusableInputError(
            f"{path}: the tensor {shortened(name)} is of the type {saved.dtype}, which is not read"
        )
    values = getattr(message, kind)
    # The halves are kept as the integers that their bits are.
    stored = f"uint{8 * (width_of(saved.dtype) or 0)}" if kind == "half_val" else saved.dtype
    try:
        data = np.array(values, dtype=stored).tobytes()
    except OverflowError as error:
        raise UnusableInputError(f"{path}: is damaged: the values of {shortened(name)} do not fit {stored}") from error
    return decode(data, saved.dtype, shape, path, name)
