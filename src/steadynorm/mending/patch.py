"""Writes a checkpoint with other statistics: a copy of its files in which only the bytes of these are others."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from steadynorm.artifacts.contents import Contents, Tensor
from steadynorm.artifacts.places import shortened
from steadynorm.artifacts.source import Extent, open_source
from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Array
from steadynorm.mending import zip_checksums
from steadynorm.mending.encoding import encoded
from steadynorm.mending.layout import Layout

_OTHERWISE = {
    "TensorFlow checkpoint (version 1)": "convert it first: 'steadynorm convert CHECKPOINT OUT --to tensorflow'",
    "Orbax checkpoint": "convert it first: 'steadynorm convert CHECKPOINT OUT.safetensors'",
}
"""What to do about formats whose values cannot be overwritten."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Bytes that are overwritten.

    Arguments:
        extent: where.
        before: what is there.
        after: what is written instead, as many.
    """

    extent: Extent
    before: bytes
    after: bytes


def edits_of(contents: Contents, values: Mapping[str, Array]) -> list[Edit]:
    """What is to be overwritten.

    Arguments:
        contents: the checkpoint.
        values: by name of a tensor, what it is to hold.

    Raises:
        UnusableInputError: the values of a tensor cannot be overwritten, or another tensor shares them.
    """
    edits = [_edit(contents, contents.tensors[name], new) for name, new in values.items()]
    _check_alone(contents, set(values), edits)
    return [edit for edit in edits if edit.before != edit.after]


def write_patched(layout: Layout, edits: Iterable[Edit]) -> None:
    """Copies the files and overwrites ranges of the copies.

    Raises:
        UnusableInputError: a file cannot be written, or has changed since it was read.
    """
    with layout.opened() as places:
        copy_patched(places, edits, layout.index)


def copy_patched(places: Mapping[str, Path], edits: Iterable[Edit], index: str | None) -> None:
    """Copies files to their places and overwrites ranges of the copies, with the checksums of these.

    Arguments:
        places: by file, where its copy goes.
        edits: what is overwritten.
        index: the file that has the checksums of the others' tensors, `None` if none does.

    Raises:
        UnusableInputError: a file has changed since it was read.
        OSError: one cannot be read or written.
    """
    by_path: dict[str, list[Edit]] = {}
    for edit in edits:
        by_path.setdefault(edit.extent.path, []).append(edit)
    for path, place in places.items():
        shutil.copyfile(path, place)
    for path, found in by_path.items():
        overwrite(path, places[path], found)
        if zip_checksums.is_archive(places[path]):
            zip_checksums.renew(places[path], [(edit.extent.start, edit.extent.stop) for edit in found])
    if index is not None and by_path:
        from steadynorm.mending import bundle_checksums  # needs protobuf, as reading these files did

        ranges = {path: [edit.extent for edit in found] for path, found in by_path.items()}
        bundle_checksums.renew(index, places, ranges)


def overwrite(path: str, copy: Path, edits: Iterable[Edit], shift: int = 0) -> None:
    """Overwrites ranges of a copy.

    Arguments:
        path: the original, for the error.
        copy: the file.
        edits: positions are those of the original.
        shift: how much further behind they are in the copy.

    Raises:
        UnusableInputError: the copy has other bytes there than what was read.
    """
    with copy.open("r+b") as file:
        for edit in edits:
            file.seek(edit.extent.start + shift)
            if file.read(len(edit.before)) != edit.before:
                raise UnusableInputError(f"{path}: changed while it was mended; nothing was written")
            file.seek(edit.extent.start + shift)
            file.write(edit.after)


def _edit(contents: Contents, tensor: Tensor, values: Array) -> Edit:
    extent = tensor.extent
    if extent is None:
        otherwise = _OTHERWISE.get(contents.format, "load it with its framework and save it again, plainly")
        raise UnusableInputError(
            f"the values of {shortened(tensor.name)} cannot be overwritten where they are in a {contents.format} "
            f"(compressed, in several pieces, or encoded); {otherwise}"
        )
    after = encoded(np.asarray(values, np.float64), tensor.dtype, tensor.name, extent.order)
    with open_source(extent.path) as source:
        before = source.read(extent.start, extent.stop)
    if len(before) != len(after):
        raise UnusableInputError(
            f"{extent.path}: {shortened(tensor.name)} has {len(before)} bytes and would get {len(after)}"
        )
    return Edit(extent, before, after)


def _check_alone(contents: Contents, names: set[str], edits: list[Edit]) -> None:
    """Refuses to overwrite what other tensors hold, too; two that share their values may get the same ones."""
    written: dict[tuple[str, int, int], bytes] = {}
    for edit in edits:
        key = (edit.extent.path, edit.extent.start, edit.extent.stop)
        if written.setdefault(key, edit.after) != edit.after:
            raise UnusableInputError(
                f"{edit.extent.path}: two layers share the statistics at byte {edit.extent.start} and would get "
                "different ones"
            )
    others = [each for each in contents.tensors.values() if each.extent is not None and each.name not in names]
    spans = sorted(
        [(*key, "") for key in written]
        + [(each.extent.path, each.extent.start, each.extent.stop, each.name) for each in others if each.extent]
    )
    end, last, inside = -1, "", ""
    for path, start, stop, name in spans:
        if path != last:
            end, last = -1, path
        if start < end and (not name) != (not inside):
            raise UnusableInputError(
                f"{path}: {shortened(name or inside)} shares the bytes of statistics that would be overwritten"
            )
        if stop > end:
            end, inside = stop, name
