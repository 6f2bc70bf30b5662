"""Tensors that a checkpoint lacks: formats that can take them in, with everything else as it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from steadynorm.artifacts.contents import Contents
from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Array
from steadynorm.mending import safetensors_writer
from steadynorm.mending.encoding import encoded
from steadynorm.mending.layout import Layout
from steadynorm.mending.patch import copy_patched, edits_of, overwrite
from steadynorm.mending.raw import Raw

_TORCH = ("PyTorch checkpoint", "legacy PyTorch checkpoint")


def check_possible(contents: Contents, path: str) -> None:
    """Refuses formats that tensors cannot be added to.

    Raises:
        UnusableInputError: it is one of them.
    """
    if contents.format not in (*_TORCH, "safetensors", "TensorFlow checkpoint"):
        raise UnusableInputError(
            f"{path}: lacks statistics, and tensors cannot be added to a {contents.format}, only to safetensors, "
            "PyTorch checkpoints and TensorFlow checkpoints; convert it first: 'steadynorm convert'"
        )
    if contents.facts.get("full_names"):
        raise UnusableInputError(
            f"{path}: lacks statistics, and a checkpoint of objects restores only what its program saved; build the "
            "layer with its statistics and save it again"
        )


def write_added(
    contents: Contents, path: str, layout: Layout, values: Mapping[str, Array], additions: Sequence[Raw]
) -> None:
    """Writes a copy of a checkpoint with more tensors in it.

    Arguments:
        contents: the checkpoint.
        path: its file.
        layout: where its files go.
        values: by name of a tensor that is there already, its new values.
        additions: the new tensors.

    Raises:
        UnusableInputError: see `check_possible`; or a file cannot be written.
        ModuleNotFoundError: a PyTorch checkpoint needs PyTorch.
    """
    check_possible(contents, path)
    if contents.format in _TORCH:
        _write_torch(contents, path, layout, values, additions)
        return
    edits = edits_of(contents, values)
    with layout.opened() as places:
        if contents.format == "safetensors":
            shift = safetensors_writer.extend(path, places[path], additions)
            overwrite(path, places[path], edits, shift)
            return
        from steadynorm.mending import bundle_writer  # needs protobuf, as reading these files did

        assert layout.index is not None
        copy_patched(places, edits, layout.index)
        data = next(place for file, place in places.items() if ".data-00000-of-" in file)
        bundle_writer.extend(places[layout.index], data, additions)


def _write_torch(
    contents: Contents, path: str, layout: Layout, values: Mapping[str, Array], additions: Sequence[Raw]
) -> None:
    files: Any = import_module("steadynorm.torch.mending")
    changed = [_same_kind(contents, name, new) for name, new in values.items()]
    root = contents.facts.get("root")
    with layout.opened() as places:
        files.rewrite(
            path,
            places[path],
            root if isinstance(root, str) else None,
            [*changed, *additions],
        )


def _same_kind(contents: Contents, name: str, values: Array) -> Raw:
    tensor = contents.tensors[name]
    data = encoded(values, tensor.dtype, name)
    return Raw(name, tensor.dtype, tensor.shape, lambda: data)
