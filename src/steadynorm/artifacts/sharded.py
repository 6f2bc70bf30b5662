"""Reads models that are spread over several files, by the index that says which file holds which tensor."""

from __future__ import annotations

from steadynorm.artifacts import places, safetensors, torch_archive, torch_legacy
from steadynorm.artifacts.contents import Contents, Tensor
from steadynorm.artifacts.recognition import (
    INDEX_ENDINGS,
    Sample,
    is_legacy_torch,
    is_torch_archive,
)
from steadynorm.artifacts.safetensors import MOST_HEADER, json_object
from steadynorm.artifacts.source import Source, open_source
from steadynorm.errors import UnusableInputError

MOST_FILES = 10_000


def read(source: Source) -> Contents:
    """What the files hold that an index names.

    Raises:
        UnusableInputError: the index or a file is damaged or missing, or the index promises what the files do not hold.
    """
    if source.size > MOST_HEADER:
        raise UnusableInputError(f"{source.path}: has {source.size} bytes; expected at most {MOST_HEADER}")
    names = json_object(source.read(0, source.size), source.path, "content").get("weight_map")
    if not isinstance(names, dict) or not all(isinstance(file, str) for file in names.values()):
        raise UnusableInputError(f"{source.path}: has no weight_map from tensors to files")
    files = sorted(set(names.values()))
    if len(files) > MOST_FILES:
        raise UnusableInputError(f"{source.path}: names {len(files)} files; expected at most {MOST_FILES}")
    folder = places.folder_of(source.path)
    parts = {file: _part(places.inside(folder, file, source.path)) for file in files}
    tensors: dict[str, Tensor] = {}
    for name, file in names.items():
        if name not in parts[file].tensors:
            raise UnusableInputError(
                f"{source.path}: {places.shortened(name)} should be in {places.shortened(file)} and is not"
            )
        tensors[name] = parts[file].tensors[name]
    framework = next((part.framework for part in parts.values()), "torch")
    form = next((part.format for part in parts.values()), "safetensors")
    paths = (source.path, *(places.inside(folder, file, source.path) for file in files))
    return Contents(f"sharded {form}", framework, tensors, facts={"files": paths})


def read_folder(path: str) -> Contents:
    """What the model in a folder holds, by the index in it.

    Raises:
        UnusableInputError: see `read`.
    """
    names = sorted(places.names_in(path), key=lambda name: (len(name), name))
    found = [name for ending in INDEX_ENDINGS for name in names if name.endswith(ending)]
    if not found:
        raise UnusableInputError(f"{path}: has no file whose name ends in {INDEX_ENDINGS[0]}")
    return read(open_source(places.join(path, found[0])))


def _part(path: str) -> Contents:
    source = open_source(path)
    sample = Sample(source)
    if is_torch_archive(sample):
        return torch_archive.read(source)
    if is_legacy_torch(sample):
        return torch_legacy.read(source)
    return safetensors.read(source)
