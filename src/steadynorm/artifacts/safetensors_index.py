"""Reads models that are spread over several safetensors files, by the index that says which file holds which tensor."""

from __future__ import annotations

from steadynorm.artifacts import places, safetensors
from steadynorm.artifacts.contents import Contents, Tensor
from steadynorm.artifacts.safetensors import MOST_HEADER, json_object
from steadynorm.artifacts.source import Source, open_source
from steadynorm.errors import UnusableInputError

ENDING = ".safetensors.index.json"
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
    parts = {file: safetensors.read(open_source(places.inside(folder, file, source.path))) for file in files}
    tensors: dict[str, Tensor] = {}
    for name, file in names.items():
        if name not in parts[file].tensors:
            raise UnusableInputError(
                f"{source.path}: {places.shortened(name)} should be in {places.shortened(file)} and is not"
            )
        tensors[name] = parts[file].tensors[name]
    framework = next((part.framework for part in parts.values()), "torch")
    paths = (source.path, *(path for part in parts.values() for path in _files(part)))
    return Contents("sharded safetensors", framework, tensors, facts={"files": paths})


def read_folder(path: str) -> Contents:
    """What the model in a folder holds, by the index in it.

    Raises:
        UnusableInputError: see `read`.
    """
    found = sorted(
        (name for name in places.names_in(path) if name.endswith(ENDING)), key=lambda name: (len(name), name)
    )
    if not found:
        raise UnusableInputError(f"{path}: has no file whose name ends in {ENDING}")
    return read(open_source(places.join(path, found[0])))


def _files(part: Contents) -> tuple[str, ...]:
    files = part.facts["files"]
    assert isinstance(files, tuple)
    return files
