"""Keras 3 weights that are spread over several HDF5 files, by the index `….weights.json` that names them."""

from __future__ import annotations

from steadynorm.artifacts import hdf5, places
from steadynorm.artifacts.contents import Contents
from steadynorm.artifacts.hdf5 import Attributes, Structure
from steadynorm.artifacts.json_text import read_object
from steadynorm.artifacts.keras_model import contents
from steadynorm.artifacts.keras_weights import numbered
from steadynorm.artifacts.source import Source, open_source
from steadynorm.errors import UnusableInputError

MOST_INDEX = 1 << 26
MOST_FILES = 10_000


def read(source: Source) -> Contents:
    """What the files hold that an index names.

    Raises:
        UnusableInputError: the index or a file is damaged, or two files hold the same tensor.
        ModuleNotFoundError: h5py is not installed.
    """
    files = _files(source)
    groups: dict[str, Attributes] = {}
    tensors = {}
    for file in files:
        path = places.inside(places.folder_of(source.path), file, source.path)
        part = hdf5.structure(open_source(path))
        for name, attributes in part.groups.items():
            groups[name] = {**attributes, **groups.get(name, {})}
        for name, tensor in part.tensors.items():
            if name in tensors:
                raise UnusableInputError(f"{path}: holds {places.shortened(name)}, which another file of it holds too")
            tensors[name] = tensor
    return contents("sharded Keras weights", source.path, numbered(Structure(groups, tensors), None), None, None)


def _files(source: Source) -> list[str]:
    if source.size > MOST_INDEX:
        raise UnusableInputError(f"{source.path}: has {source.size} bytes; expected at most {MOST_INDEX}")
    named = read_object(source.path, source.read(0, source.size), "the index").get("weight_map")
    found: set[str] = set()
    for each in named.values() if isinstance(named, dict) else ():
        found.update(name for name in (each if isinstance(each, list) else [each]) if isinstance(name, str))
    if not 0 < len(found) <= MOST_FILES:
        raise UnusableInputError(
            f"{source.path}: names {len(found)} files; expected 1 to {MOST_FILES} in its weight_map"
        )
    return sorted(found)
