"""torch.export.save's programs (.pt2): weights as stored entries, and the graph as JSON, of PyTorch 2.1 to today."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from steadynorm.artifacts import torch_archive
from steadynorm.artifacts.contents import Contents, Tensor
from steadynorm.artifacts.places import shortened
from steadynorm.artifacts.source import Source
from steadynorm.artifacts.torch_tensors import Place, Places
from steadynorm.artifacts.torch_types import SCALAR_TYPES, SIZES
from steadynorm.artifacts.torch_values import Storage, Strided, sizes
from steadynorm.artifacts.zip_directory import Archive
from steadynorm.errors import UnusableInputError
from steadynorm.graphs.torch_program import program_graph

FORMAT = "exported PyTorch program"
MOST_JSON = 24 << 20
"""Bytes of JSON, whose objects take up to 24 times as much memory."""

_OLD = "serialized_exported_program.json"
_MODEL = re.compile(r"(?P<prefix>(?:[^/]+/)?)models/(?P<name>[^/]+)\.json")


def read(source: Source) -> Contents:
    """What an exported program holds.

    Raises:
        UnusableInputError: it is damaged, or compiled and without a graph.
    """
    archive = Archive(source)
    entry = _entry(archive)
    tensors = _old_weights(archive) if entry == _OLD else _weights(archive, entry)
    model = archive_json(archive, entry)
    graph, facts = program_graph(model, {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()})
    return Contents(FORMAT, "torch", tensors, graph=graph, facts=facts)


def read_program(source: Source) -> Mapping[str, object]:
    """The JSON of an exported program.

    Raises:
        UnusableInputError: it is damaged, or compiled and without a graph.
    """
    archive = Archive(source)
    return archive_json(archive, _entry(archive))


def _entry(archive: Archive) -> str:
    """The name of the entry that holds the program's graph."""
    if _OLD in archive.entries:
        return _OLD
    found = sorted(name for name in archive.entries if _MODEL.fullmatch(name))
    if not found:
        raise UnusableInputError(
            f"{archive.source.path}: has no program's graph; a compiled package cannot be read: check what it was "
            "compiled from"
        )
    return found[0]


def archive_json(archive: Archive, name: str) -> Mapping[str, object]:
    """A JSON object within an archive.

    Raises:
        UnusableInputError: it is no JSON object, or nested absurdly deep.
    """
    what = f"{archive.source.path}: {shortened(name)} in its archive"
    if archive.size(name) > MOST_JSON:
        raise UnusableInputError(f"{what} is larger than {MOST_JSON} bytes")
    try:
        found = json.loads(archive.text(name))
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
        raise UnusableInputError(f"{what} is damaged: {reason}") from error
    if not isinstance(found, dict):
        raise UnusableInputError(f"{what} is no JSON object")
    return found


def _weights(archive: Archive, entry: str) -> dict[str, Tensor]:
    match = _MODEL.fullmatch(entry)
    prefix, model = (match["prefix"], match["name"]) if match else ("", "")
    listed = f"{prefix}data/weights/{model}_weights_config.json"
    if listed not in archive.entries:
        return {}
    config = archive_json(archive, listed).get("config")
    order = torch_archive.byte_order(archive, prefix)
    places: dict[str, Place] = {}
    views: dict[str, Strided] = {}
    for name, entry in (config if isinstance(config, dict) else {}).items():
        view = _view(entry)
        if view is None:
            raise UnusableInputError(f"{archive.source.path}: its list of weights is damaged at {shortened(name)}")
        views[name] = view
        stored = f"{prefix}data/weights/{view.storage.key}" if view.storage is not None else ""
        if view.storage is not None and stored in archive.entries:
            places[view.storage.key] = Place(archive.source, *archive.range_of(stored), order)
    found = Places(archive.source, places)
    return {name: found.tensor(name, view) for name, view in views.items()}


def _view(entry: object) -> Strided | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("tensor_meta"), dict):
        return None
    meta, key = entry["tensor_meta"], entry.get("path_name")
    dtype = SCALAR_TYPES.get(meta["dtype"]) if isinstance(meta.get("dtype"), int) else None
    shape, stride = sizes(_numbers(meta.get("sizes"))), sizes(_numbers(meta.get("strides")))
    offset = sizes(_numbers([meta.get("storage_offset")]))
    if dtype is None or shape is None or stride is None or offset is None or len(shape) != len(stride):
        return None
    if not isinstance(key, str):
        return None
    why = "it is stored as a pickle of its own" if entry.get("use_pickle") is True else ""
    trained = meta.get("requires_grad") is True
    storage = Storage(key, dtype, 0) if dtype in SIZES else None
    return Strided(storage, dtype, offset[0], shape, stride, why, parameter=True, requires_grad=trained)


def _numbers(given: object) -> list[object] | None:
    """Sizes as the program has them: {"as_int": 4}, or an expression with a hint."""
    if not isinstance(given, list):
        return None
    return [each.get("as_int") if isinstance(each, dict) else each for each in given]


def _old_weights(archive: Archive) -> dict[str, Tensor]:
    """Up to PyTorch 2.7 the weights are a whole archive of torch.save, stored as one entry."""
    found: dict[str, Tensor] = {}
    for name in ("serialized_state_dict.pt", "serialized_state_dict.json"):
        if name in archive.entries and (inside := archive.opened(name)).size:
            found.update(torch_archive.read(inside).tensors)
    return found
