"""Reads safetensors: a JSON header that says where each tensor lies, and the tensors one behind the other.

Only the header is read, and of the tensors those that are asked for.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from steadynorm.artifacts.contents import Contents, Tensor
from steadynorm.artifacts.dtypes import count_of, decode
from steadynorm.artifacts.json_text import why_no_json
from steadynorm.artifacts.places import shortened
from steadynorm.artifacts.source import Source
from steadynorm.errors import UnusableInputError

MOST_HEADER = 25_000_000
"""Longest header that is read. The format allows four times as much, which as Python objects would take gigabytes."""

TYPES = {
    "BOOL": ("bool", 8),
    **{
        f"{short}{bits}": (f"{long}{bits}", bits)
        for short, long in (("I", "int"), ("U", "uint"))
        for bits in (8, 16, 32, 64)
    },
    **{f"F{bits}": (f"float{bits}", bits) for bits in (16, 32, 64)},
    "BF16": ("bfloat16", 16),
    "C64": ("complex64", 64),
    "F8_E4M3": ("float8_e4m3fn", 8),
    "F8_E4M3FNUZ": ("float8_e4m3fnuz", 8),
    "F8_E5M2": ("float8_e5m2", 8),
    "F8_E5M2FNUZ": ("float8_e5m2fnuz", 8),
    "F8_E8M0": ("float8_e8m0fnu", 8),
    "F6_E2M3": ("float6_e2m3fn", 6),
    "F6_E3M2": ("float6_e3m2fn", 6),
    "F4": ("float4_e2m1fn", 4),
}
"""The format's types: our name and the bits of a value."""

_FRAMEWORKS = {"pt": "torch", "tf": "tensorflow", "flax": "flax"}


def read(source: Source) -> Contents:
    """What one file holds; `facts` has its `metadata`.

    Raises:
        UnusableInputError: the header breaks the format's rules, or the file is cut off.
    """
    length = int.from_bytes(source.read(0, min(8, source.size)), "little")
    if source.size < 8 or not 2 <= length <= source.size - 8:
        raise UnusableInputError(
            f"{source.path}: is no safetensors file, or cut off: its header should have {length} bytes, and the file "
            f"has {source.size}"
        )
    if length > MOST_HEADER:
        raise UnusableInputError(f"{source.path}: has a header of {length} bytes; expected at most {MOST_HEADER}")
    header = json_object(source.read(8, 8 + length), source.path, "header")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict):
        raise UnusableInputError(f"{source.path}: has a __metadata__ that is no object")
    tensors, end, spans = {}, source.size - 8 - length, []
    for name, entry in header.items():
        dtype, shape, start, stop = _entry(name, entry, source.path)
        spans.append((start, stop, name))
        first, last = 8 + length + start, 8 + length + stop
        load = partial(_load, source, first, last, dtype, shape, name)
        tensors[name] = Tensor(name, shape, dtype, load, source.extent(first, last))
    _check_spans(sorted(spans), end, source.path)
    framework = _FRAMEWORKS.get(str(metadata.get("format")), "torch")
    return Contents("safetensors", framework, tensors, facts={"metadata": metadata, "files": (source.path,)})


def json_object(data: bytes, path: str, what: str) -> dict[str, Any]:
    """A JSON object in which no name stands twice.

    Raises:
        UnusableInputError: it is none.
    """
    try:
        found = json.loads(data.decode("utf-8"), object_pairs_hook=partial(_unique, path))
    except UnusableInputError:
        raise
    except (ValueError, RecursionError) as error:
        raise UnusableInputError(f"{path}: its {what} is no JSON: {why_no_json(error)}") from error
    if not isinstance(found, dict):
        raise UnusableInputError(f"{path}: its {what} is no JSON object")
    return found


def _unique(path: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnusableInputError(f"{path}: a name stands twice in an object of {len(pairs)} names")
    return found


def _entry(name: str, entry: Any, path: str) -> tuple[str, tuple[int, ...], int, int]:
    match entry:
        case {"dtype": str(kind), "shape": list(shape), "data_offsets": [start, stop]}:
            numbers = [*shape, start, stop]
        case _:
            raise UnusableInputError(f"{path}: {shortened(name)} has no dtype, shape and data_offsets in the header")
    if not all(type(each) is int for each in numbers):
        raise UnusableInputError(f"{path}: {shortened(name)} has a shape or offsets that are no integers")
    if kind not in TYPES:
        raise UnusableInputError(f"{path}: {shortened(name)} is of the unknown type {shortened(kind)}")
    dtype, bits = TYPES[kind]
    wanted = count_of(tuple(shape), path, name) * bits
    if start < 0 or 8 * (stop - start) != wanted:
        raise UnusableInputError(
            f"{path}: {shortened(name)} of shape {shape} and type {kind} lies at {start} to {stop}; expected "
            f"{wanted // 8} bytes"
        )
    return dtype, tuple(shape), start, stop


def _check_spans(spans: list[tuple[int, int, str]], size: int, path: str) -> None:
    """Refuses tensors that overlap, and bytes that belong to none: the format allows neither."""
    position = 0
    for start, stop, name in spans:
        if start != position:
            what = "overlaps the one before" if start < position else "leaves a hole before it"
            raise UnusableInputError(f"{path}: {shortened(name)} {what}: it begins at {start}, expected {position}")
        position = stop
    if position != size:
        what = "is cut off" if position > size else "has bytes behind its last tensor"
        raise UnusableInputError(f"{path}: {what}: its tensors end at {position}, the file at {size}")


def _load(source: Source, start: int, stop: int, dtype: str, shape: tuple[int, ...], name: str) -> Any:
    return decode(source.read(start, stop), dtype, shape, source.path, name)
