"""TensorFlow checkpoints whose data have new bytes: the checksums in their index."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from steadynorm.artifacts.protobuf import parse
from steadynorm.artifacts.source import Extent, Source, open_source
from steadynorm.artifacts.tensorflow_bundle import Bundle
from steadynorm.artifacts.tensorflow_records import MESSAGES
from steadynorm.artifacts.tensorflow_table import Entry, Table, masked
from steadynorm.mending.checksum import checksum
from steadynorm.mending.tensorflow_index import table_bytes


def renew(index: str, places: Mapping[str, Path], changed: Mapping[str, list[Extent]]) -> None:
    """Writes a copy's index anew, with the checksums of the tensors in changed ranges.

    Arguments:
        index: the index of the original.
        places: by file of the original, its copy.
        changed: by data file of the original, the ranges.

    Raises:
        UnusableInputError: the index is damaged.
    """
    with open_source(index) as source:
        entries = list(Table(source))
        bundle = Bundle(Table(source), entries[0][1])
    sources = {path: open_source(places[path]) for path in changed}
    try:
        renewed = [
            _renewed(entry, bundle, index, sources, changed) if number else entry
            for number, entry in enumerate(entries)
        ]
    finally:
        for each in sources.values():
            each.close()
    places[index].write_bytes(table_bytes(renewed))


def _renewed(
    entry: Entry, bundle: Bundle, index: str, sources: Mapping[str, Source], changed: Mapping[str, list[Extent]]
) -> Entry:
    key, value = entry
    message = parse(MESSAGES["BundleEntry"], value, index, "an entry")
    path, start, stop = bundle.data_file(message.shard_id), message.offset, message.offset + message.size
    if message.slices or not any(each.start < stop and each.stop > start for each in changed.get(path, ())):
        return entry
    message.crc32c = masked(checksum(sources[path].read(start, stop)))
    return key, message.SerializeToString(deterministic=True)
