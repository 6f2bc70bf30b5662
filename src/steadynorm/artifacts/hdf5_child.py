"""What an HDF5 file holds, read with h5py; only to be called in the process that `isolation` starts."""

from __future__ import annotations

import math
from typing import Any

import h5py
import numpy as np

from steadynorm.artifacts.places import is_remote
from steadynorm.artifacts.source import open_source, part_of
from steadynorm.errors import UnusableInputError

MOST_OBJECTS = 200_000
MOST_DEPTH = 64
MOST_EAGER = 1 << 16
"""Larger datasets that do not lie in one piece are read when they are asked for, each by itself."""
MOST_EAGER_TOTAL = 1 << 26
MOST_TEXT = 1 << 26
SMALL = 1 << 23
"""Local files up to this many bytes are read at once, which is faster than to hand out their parts one by one."""

_WANTED = ("model_config", "keras_version", "backend", "name", "dtype")
_LISTS = ("layer_names", "weight_names")  # split over several attributes where they are long: weight_names0, ...


def structure(path: str, start: int, stop: int, data: bytes = b"") -> tuple[object, bytes]:
    """The groups and datasets of a file, with the attributes that Keras writes.

    Arguments:
        path: the file.
        start: where in it the HDF5 file begins.
        stop: where it ends.
        data: the HDF5 file itself, where it is in memory.

    Returns:
        `groups`: attributes by path, in the file's order; `datasets` by path, each with its shape, type, attributes and
        either the `offset` of its bytes, or the `piece` of the bytes returned that is a copy, or neither.

    Raises:
        UnusableInputError: the file is outside what a checkpoint is.
    """
    with _opened(path, start, stop, data) as file:
        walk = _Walk(path)
        walk.run(file)
        return {"groups": walk.groups, "datasets": walk.datasets}, b"".join(walk.pieces)


def values(path: str, start: int, stop: int, name: str, data: bytes = b"") -> tuple[object, bytes]:
    """The values of one dataset, in its own type.

    Arguments:
        path: the file.
        start: where in it the HDF5 file begins.
        stop: where it ends.
        name: the dataset's path.
        data: the HDF5 file itself, where it is in memory.
    """
    with _opened(path, start, stop, data) as file:
        return None, file[name][()].tobytes()


def _opened(path: str, start: int, stop: int, data: bytes) -> h5py.File:
    try:
        if not data:
            source = part_of(open_source(path), path, start, stop)
            if is_remote(path) or source.size > SMALL:
                return h5py.File(source.file(), "r")
            data = source.read(0, source.size)
        return h5py.File(h5py.h5f.open_file_image(data))
    except UnusableInputError:
        raise
    except (OSError, ValueError) as error:
        raise UnusableInputError(
            f"{path}: begins like an HDF5 file and cannot be opened as one; it is cut short or damaged"
        ) from error


class _Walk:
    """One look at everything, without following what leads out of the file."""

    def __init__(self, path: str) -> None:
        self.groups: dict[str, dict[str, object]] = {}
        self.datasets: dict[str, dict[str, object]] = {}
        self.pieces: list[bytes] = []
        self._path = path
        self._eager = 0
        self._text = 0

    def run(self, file: h5py.File) -> None:
        """Looks at all groups, nearest to the root first."""
        seen = set()
        waiting = [("", file)]
        while waiting:
            name, group = waiting.pop()
            key = h5py.h5o.get_info(group.id).addr
            if key in seen:
                raise UnusableInputError(f"{self._path}: the group {name!r} contains itself, or is in two places")
            seen.add(key)
            self.groups[name] = self._attributes(group)
            if name.count("/") >= MOST_DEPTH:
                raise UnusableInputError(f"{self._path}: its groups nest deeper than {MOST_DEPTH}")
            below = []
            for each in group:
                inner = f"{name}/{each}" if name else each
                if group.id.links.get_info(each.encode("utf-8", "surrogateescape")).type != h5py.h5l.TYPE_HARD:
                    kind = group.get(each, getclass=True, getlink=True)
                    raise UnusableInputError(
                        f"{self._path}: {inner!r} is a link ({kind.__name__}); expected data of the file itself"
                    )
                found = group[each]
                if isinstance(found, h5py.Group):
                    below.append((inner, found))
                elif isinstance(found, h5py.Dataset):
                    self._add(inner, found)
                if len(self.groups) + len(self.datasets) + len(waiting) + len(below) > MOST_OBJECTS:
                    raise UnusableInputError(f"{self._path}: has more than {MOST_OBJECTS} groups and datasets")
            waiting += reversed(below)

    def _add(self, name: str, dataset: h5py.Dataset) -> None:
        plan = dataset.id.get_create_plist()
        layout = plan.get_layout()
        if layout == h5py.h5d.VIRTUAL or plan.get_external_count():
            kind = "is virtual" if layout == h5py.h5d.VIRTUAL else "has its values in another file"
            raise UnusableInputError(f"{self._path}: the dataset {name!r} {kind}; expected data of the file itself")
        attributes = self._attributes(dataset)
        dtype, shape = _type_of(dataset), dataset.shape
        if dtype is None or shape is None:
            return  # texts, empty and compound values are no tensors
        size = math.prod(shape) * dtype[1]
        entry: dict[str, object] = {"shape": list(shape), "dtype": dtype[0], "attributes": attributes}
        # Datasets that were never written have no place, and get_offset() behind a user block does not say so.
        in_one_piece = layout == h5py.h5d.CONTIGUOUS and dataset.id.get_storage_size() == size and size > 0
        offset = dataset.id.get_offset() if in_one_piece else None
        if offset is not None:
            entry["offset"] = offset
        elif size <= MOST_EAGER and self._eager + size <= MOST_EAGER_TOTAL:
            try:
                piece = _raw(dataset, dtype[0])
            except (OSError, ValueError, RuntimeError, TypeError) as error:
                entry["problem"] = f"{type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else ''}"
            else:
                entry["piece"] = [self._eager, self._eager + len(piece)]
                self._eager += len(piece)
                self.pieces.append(piece)
        self.datasets[name] = entry

    def _attributes(self, holder: Any) -> dict[str, object]:
        found: dict[str, object] = {}
        if not h5py.h5a.get_num_attrs(holder.id):
            return found  # of thousands of datasets hardly one has any
        for name in holder.attrs:
            if name in _WANTED or name.rstrip("0123456789") in _LISTS:
                value = _plain(holder.attrs[name])
                self._text += sum(map(len, value)) if isinstance(value, list) else len(value)
                if self._text > MOST_TEXT:
                    raise UnusableInputError(f"{self._path}: has more than {MOST_TEXT} characters of attributes")
                found[name] = value
        return found


def _raw(dataset: h5py.Dataset, dtype: str) -> bytes:
    array = np.asarray(dataset[()])
    return array.tobytes() if dtype == "bfloat16" else array.astype(dtype, copy=False).tobytes()


def _type_of(dataset: h5py.Dataset) -> tuple[str, int] | None:
    """NumPy's text for the type and the bytes of one value; `None` for what is no number."""
    kind = dataset.id.get_type()
    if kind.get_class() == h5py.h5t.FLOAT and kind.get_size() == 2 and kind.get_fields()[2] == 8:
        return "bfloat16", 2
    if kind.get_class() == h5py.h5t.OPAQUE and kind.get_size() == 2 and dataset.attrs.get("dtype") == "bfloat16":
        return "bfloat16", 2
    try:
        dtype = dataset.dtype
    except (TypeError, ValueError):
        return None
    return (dtype.str, dtype.itemsize) if dtype.kind in "fiub" else None


def _plain(value: Any) -> str | list[str]:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.ndarray) and value.ndim:
        return [_one(each) for each in value.ravel().tolist()]
    return _one(value.item() if isinstance(value, np.generic | np.ndarray) else value)


def _one(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
