"""Writes TensorFlow checkpoints of the second version, an index and its data, without TensorFlow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from steadynorm.artifacts.source import open_source
from steadynorm.artifacts.tensorflow_records import MESSAGES, number_of
from steadynorm.artifacts.tensorflow_table import Table, masked
from steadynorm.mending.checksum import checksum
from steadynorm.mending.raw import Raw
from steadynorm.mending.tensorflow_index import table_bytes

# One data file, little-endian, and the version of the format: 1, which every reader takes.
_HEADER = b"\x08\x01\x1a\x02\x08\x01"


def write(places: Sequence[Path], tensors: Iterable[Raw]) -> None:
    """Writes a checkpoint of one data file.

    Arguments:
        places: where the data go, and the index.
        tensors: what is in it.
    """
    data, index = places
    entries = {b"": _HEADER}
    with data.open("xb") as file:
        for each in sorted(tensors, key=lambda each: each.name.encode()):
            entries[each.name.encode()] = _entry(each, file.tell(), value := each.read())
            file.write(value)
    index.write_bytes(table_bytes(sorted(entries.items())))


def extend(index: Path, data: Path, tensors: Iterable[Raw]) -> None:
    """Adds tensors to a checkpoint, in place: the values to the end of its first data file, the names to its index."""
    with open_source(index) as source:
        entries = dict(Table(source))
    with data.open("ab") as file:
        for each in tensors:
            entries[each.name.encode()] = _entry(each, file.tell(), value := each.read())
            file.write(value)
    index.write_bytes(table_bytes(sorted(entries.items())))


def _entry(tensor: Raw, offset: int, value: bytes) -> bytes:
    message = MESSAGES["BundleEntry"](
        dtype=number_of(tensor.dtype),
        shape={"dim": [{"size": length} for length in tensor.shape]},
        offset=offset,
        size=len(value),
        crc32c=masked(checksum(value)),
    )
    found: bytes = message.SerializeToString(deterministic=True)
    return found
