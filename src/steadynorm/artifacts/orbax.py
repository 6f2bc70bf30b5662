"""Orbax checkpoints: folders with a tree's description beside its arrays, in one database or a folder each."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from steadynorm.artifacts import flax_names, isolation, places
from steadynorm.artifacts.contents import Contents, Tensor
from steadynorm.artifacts.dtypes import count_of, decode
from steadynorm.artifacts.json_text import read_object
from steadynorm.artifacts.source import open_source
from steadynorm.errors import UnusableInputError

_TREE = "_METADATA"
_DATABASE = "manifest.ocdbt"
MOST_METADATA = 1 << 26
MOST_ITEMS = 100
_WHOLE = frozenset({"default", "state", "train_state", "items", "model"})
"""Items that are the whole state, so that their names say nothing about what is in them."""


def read_folder(path: str) -> Contents:
    """What a checkpoint folder holds: an item, or the folder of one step with an item in each folder.

    Raises:
        UnusableInputError: it is damaged, not local, or has no arrays.
        ModuleNotFoundError: tensorstore is not installed.
    """
    if places.is_remote(path):
        raise UnusableInputError(f"{path}: Orbax checkpoints are read from local folders only; copy it here first")
    tensors: dict[str, Tensor] = {}
    for prefix, folder in _items(path):
        tensors |= _item(folder, prefix)
    if not tensors:
        raise UnusableInputError(f"{path}: has no arrays; expected an Orbax checkpoint that was written to its end")
    return flax_names.contents("Orbax checkpoint", path, tensors, {})


def _items(path: str) -> list[tuple[str, str]]:
    """The folders that hold arrays, each with what its tensors' names begin with."""
    names = places.names_in(path)
    if names & {_TREE, _DATABASE} or "_CHECKPOINT_METADATA" not in names:
        return [("", path)]
    found = []
    for name in sorted(names)[:MOST_ITEMS]:
        folder = os.path.join(path, name)
        if os.path.isdir(folder) and places.names_in(folder) & {_TREE, _DATABASE}:
            found.append(("" if name in _WHOLE else name, folder))
    return found


def _item(folder: str, prefix: str) -> dict[str, Tensor]:
    known = _tree(folder)
    where = os.path.abspath(folder)
    found, pieces = isolation.ask("orbax.structure", folder, {"path": where})
    if prefix and any(known.get(stored, stored.split("."))[0] in ("params", "batch_stats") for stored in found):
        prefix = ""
    tensors = {}
    for stored, entry in found.items():
        name = "/".join(filter(None, (prefix, *known.get(stored, stored.split(".")))))
        shape = tuple(entry["shape"])
        count_of(shape, folder, name)
        load = partial(_load, folder, {"path": where, "name": stored, "driver": entry["driver"]}, entry, pieces, name)
        tensors[name] = Tensor(name, shape, entry["dtype"], load)
    return tensors


def _tree(folder: str) -> dict[str, list[str]]:
    """The places in the tree by the names in the store, which join them with dots."""
    path = os.path.join(folder, _TREE)
    if not os.path.isfile(path):
        return {}
    with open_source(path) as source:
        metadata = read_object(path, source.read(0, min(source.size, MOST_METADATA)), _TREE)
    tree = metadata.get("tree_metadata")
    found = {}
    for entry in tree.values() if isinstance(tree, dict) else ():
        keys = entry.get("key_metadata") if isinstance(entry, dict) else None
        parts = [str(each.get("key")) for each in keys if isinstance(each, dict)] if isinstance(keys, list) else []
        if parts:
            found[".".join(parts)] = parts
    return found


def _load(
    folder: str, arguments: dict[str, object], entry: dict[str, Any], pieces: bytes, name: str
) -> npt.NDArray[np.generic]:
    if "problem" in entry:
        raise UnusableInputError(f"{folder}: the array {places.shortened(name)} cannot be read: {entry['problem']}")
    if "piece" in entry:
        raw = pieces[slice(*entry["piece"])]
    else:
        _, raw = isolation.ask("orbax.values", folder, arguments)
    return decode(raw, entry["dtype"], tuple(entry["shape"]), folder, name)
