"""Reads TensorFlow checkpoints of every age: an index, a file that holds all, or a folder with a `checkpoint` file."""

from __future__ import annotations

import re

from steadynorm.artifacts import places
from steadynorm.artifacts.contents import Contents
from steadynorm.artifacts.source import Source, open_source
from steadynorm.artifacts.tensorflow_bundle import Bundle
from steadynorm.artifacts.tensorflow_table import Table
from steadynorm.artifacts.tensorflow_v1 import tensors_of
from steadynorm.errors import UnusableInputError

_LATEST = re.compile(r'^\s*model_checkpoint_path\s*:\s*(["\'])((?:[^"\'\\]|\\.)*)\1', re.MULTILINE)
_SHARD = re.compile(r"-(\d{5})-of-(\d{5})$")
_ANY_SHARD = re.compile(r"-\?{5}-of-\d{5}$")
MOST_STATE = 1 << 20


def read(source: Source) -> Contents:
    """What a checkpoint holds, given its index or, of the first format, any of its files.

    `facts` has `full_names` (the variables' own names by key, for a checkpoint of objects), `missing` (data files that
    are not there, so that no tensor of theirs loads) and `files`.

    Raises:
        UnusableInputError: it is damaged, or a file of it is missing without which even the names are unknown.
    """
    table = Table(source)
    key, header = next(iter(table), (b"?", b""))
    if key:
        raise UnusableInputError(f"{source.path}: is a table without the header of a TensorFlow checkpoint")
    # The first field of the old header is a message; the new one has numbers before its only message.
    if header[:1] != b"\x0a":
        return _bundle(Bundle(table, header))
    tables = [(table, header), *((other, _header(other)) for other in _others(source))]
    files = tuple(other.source.path for other, _ in tables)
    return Contents("TensorFlow checkpoint (version 1)", "tensorflow", tensors_of(tables), facts={"files": files})


def read_folder(path: str) -> Contents:
    """What the checkpoint holds that a folder's `checkpoint` file names as the latest.

    Raises:
        UnusableInputError: it names none, or none that is there.
    """
    state = places.join(path, "checkpoint")
    with open_source(state) as source:
        text = source.read(0, min(source.size, MOST_STATE)).decode("utf-8", "replace")
    found = _LATEST.search(text)
    if found is None:
        raise UnusableInputError(f"{state}: names no model_checkpoint_path; expected the state of a tf.train.Saver")
    name = _unescaped(found[2])
    if name.startswith("/") or re.match(r"[A-Za-z]:[\\/]|[a-z0-9]+://", name):
        # Folders are moved and copied: what an absolute name means is the file beside.
        name = re.split(r"[\\/]", name)[-1]
    prefix = places.inside(path, _ANY_SHARD.sub("", name), state)
    for candidate in (f"{prefix}.index", prefix):
        if places.is_file(candidate):
            return read(open_source(candidate))
    first = [each for each in places.names_in(places.folder_of(prefix)) if _is_shard(each, places.name_of(prefix))]
    if not first:
        raise UnusableInputError(f"{state}: names {places.shortened(name)}, and there is no such checkpoint in {path}")
    return read(open_source(places.join(places.folder_of(prefix), min(first))))


def _bundle(bundle: Bundle) -> Contents:
    missing = tuple(file for file in bundle.data_files if not places.is_file(file))
    facts: dict[str, object] = {"files": (bundle.path, *bundle.data_files), "missing": missing}
    if not missing:
        facts["full_names"] = bundle.full_names()
    return Contents("TensorFlow checkpoint", "tensorflow", bundle.tensors(), facts=facts)


def _others(source: Source) -> list[Table]:
    """The other files of a checkpoint of the first format that was written in shards."""
    match = _SHARD.search(source.path)
    if match is None:
        return []
    stem, folder, count = places.name_of(source.path)[: -len(match[0])], places.folder_of(source.path), int(match[2])
    expected = {f"{stem}-{number:05d}-of-{count:05d}" for number in range(count)}
    there = places.names_in(folder)
    if expected - there:
        raise UnusableInputError(
            f"{source.path}: belongs to a checkpoint of {count} files, of which {min(expected - there)} is missing"
        )
    return [Table(open_source(places.join(folder, name))) for name in sorted(expected - {places.name_of(source.path)})]


def _header(table: Table) -> bytes:
    key, header = next(iter(table), (b"?", b""))
    if key or header[:1] != b"\x0a":
        raise UnusableInputError(f"{table.source.path}: is no part of a checkpoint of the first version")
    return header


def _is_shard(name: str, stem: str) -> bool:
    return name.startswith(stem) and _SHARD.fullmatch(name[len(stem) :]) is not None


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)
