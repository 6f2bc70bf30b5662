"""HDF5 files: what they hold, found out by a process of its own; values in one piece are read from the file itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from steadynorm.artifacts import isolation
from steadynorm.artifacts.contents import Tensor
from steadynorm.artifacts.dtypes import decode
from steadynorm.artifacts.source import Extent, Source
from steadynorm.errors import UnusableInputError

Attributes = Mapping[str, str | list[str]]


@dataclass(frozen=True, slots=True)
class Structure:
    """What an HDF5 file holds.

    Arguments:
        groups: the attributes of each group that Keras would write, by path; the root is "".
        tensors: the numeric datasets by path.
    """

    groups: Mapping[str, Attributes]
    tensors: Mapping[str, Tensor]

    def names(self, group: str, attribute: str) -> list[str] | None:
        """A list of names among a group's attributes, put together where it is split; `None` without one."""
        attributes = self.groups.get(group, {})
        whole = attributes.get(attribute)
        if isinstance(whole, list):
            return whole
        if isinstance(whole, str):
            return [whole]
        parts, at = [], 0
        while isinstance(part := attributes.get(f"{attribute}{at}"), list):
            parts += part
            at += 1
        return parts if at else None

    def text(self, group: str, attribute: str) -> str | None:
        """An attribute that is one text, `None` without it."""
        found = self.groups.get(group, {}).get(attribute)
        return found if isinstance(found, str) else None


def structure(source: Source, start: int = 0, stop: int | None = None, data: bytes = b"") -> Structure:
    """The groups and tensors of an HDF5 file.

    Arguments:
        source: a file that has it in it.
        start: where it begins there.
        stop: where it ends, the source's end by default.
        data: the HDF5 file itself, where it had to be unpacked.

    Raises:
        UnusableInputError: it is damaged, or has links or datasets that lead out of it.
        ModuleNotFoundError: h5py is not installed.
    """
    stop = source.size if stop is None else stop
    where: dict[str, object] = {"path": source.path, "start": start, "stop": stop}
    found, pieces = isolation.ask("hdf5.structure", source.path, where, data)
    tensors = {
        name: _tensor(name, entry, _Place(source, where, data, pieces)) for name, entry in found["datasets"].items()
    }
    return Structure(found["groups"], tensors)


@dataclass(frozen=True, slots=True)
class _Place:
    source: Source
    where: dict[str, object]
    data: bytes
    pieces: bytes


def _tensor(name: str, entry: dict[str, Any], place: _Place) -> Tensor:
    shape = tuple(entry["shape"])
    dtype = entry["dtype"] if entry["dtype"] == "bfloat16" else np.dtype(entry["dtype"]).name
    return Tensor(name, shape, dtype, partial(_load, name, entry, place), _extent(entry, shape, place))


def _extent(entry: dict[str, Any], shape: tuple[int, ...], place: _Place) -> Extent | None:
    if "offset" not in entry or place.data:
        return None
    first = int(str(place.where["start"])) + entry["offset"]
    return place.source.extent(first, first + _size(entry, shape), ">" if entry["dtype"][0] == ">" else "<")


def _size(entry: dict[str, Any], shape: tuple[int, ...]) -> int:
    return math.prod(shape) * (2 if entry["dtype"] == "bfloat16" else np.dtype(entry["dtype"]).itemsize)


def _load(name: str, entry: dict[str, Any], place: _Place) -> npt.NDArray[np.generic]:
    shape, dtype = tuple(entry["shape"]), entry["dtype"]
    size = _size(entry, shape)
    if "problem" in entry:
        raise UnusableInputError(f"{place.source.path}: the dataset {name!r} cannot be read: {entry['problem']}")
    if "piece" in entry:
        raw = place.pieces[slice(*entry["piece"])]
    elif "offset" not in entry:
        _, raw = isolation.ask("hdf5.values", place.source.path, {**place.where, "name": name}, place.data)
    elif place.data:
        raw = place.data[entry["offset"] : entry["offset"] + size]
    else:
        first = int(str(place.where["start"])) + entry["offset"]
        raw = place.source.read(first, first + size)
    if len(raw) != size:
        raise UnusableInputError(
            f"{place.source.path}: the dataset {name!r} should have {size} bytes and has {len(raw)}; it is damaged"
        )
    if dtype == "bfloat16":
        return decode(raw, dtype, shape, place.source.path, name)
    return np.frombuffer(raw, dtype).reshape(shape)
