"""Writes safetensors: a JSON header that says where each tensor lies, and the tensors one behind the other."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from steadynorm.artifacts.safetensors import TYPES, json_object
from steadynorm.artifacts.source import open_source
from steadynorm.mending.raw import Raw

_NAMES = {name: short for short, (name, _) in TYPES.items()}
_ALIGNMENT = 8


def write(places: Sequence[Path], tensors: Iterable[Raw]) -> None:
    """Writes a file with PyTorch's names.

    Arguments:
        places: where to.
        tensors: what is in it, in this order.
    """
    (place,), tensors = places, list(tensors)
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    _describe(header, tensors, 0)
    with place.open("xb") as file:
        file.write(_head(header))
        for each in tensors:
            file.write(each.read())


def extend(path: str, place: Path, tensors: Iterable[Raw]) -> int:
    """Writes a copy of a file with more tensors at its end.

    Returns:
        how many bytes further behind the old tensors lie.
    """
    tensors = list(tensors)
    with open_source(path) as source:
        length = int.from_bytes(source.read(0, 8), "little")
        header = json_object(source.read(8, 8 + length), path, "header")
        _describe(header, tensors, source.size - 8 - length)
    head = _head(header)
    with open(path, "rb") as old, place.open("xb") as new:
        new.write(head)
        old.seek(8 + length)
        shutil.copyfileobj(old, new, 1 << 20)
        for each in tensors:
            new.write(each.read())
    return len(head) - 8 - length


def _describe(header: dict[str, Any], tensors: Iterable[Raw], at: int) -> None:
    for each in tensors:
        header[each.name] = {
            "dtype": _NAMES[each.dtype],
            "shape": list(each.shape),
            "data_offsets": [at, at + each.size],
        }
        at += each.size


def _head(header: Mapping[str, Any]) -> bytes:
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return len(text).to_bytes(8, "little") + text
