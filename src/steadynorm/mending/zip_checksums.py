"""Zip archives whose stored entries have new bytes: their checksums, in the directory and beside the entry."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from steadynorm.artifacts.source import Source, open_source
from steadynorm.artifacts.zip_directory import Archive, Entry

_PIECE = 1 << 24
_DESCRIBED_BEHIND = 8
_DESCRIPTOR = b"PK\x07\x08"


def is_archive(path: Path) -> bool:
    """Whether a file begins as a zip archive does."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def renew(path: Path, ranges: Iterable[tuple[int, int]]) -> None:
    """Computes the checksums of the entries anew in which ranges of bytes were changed.

    Raises:
        UnusableInputError: the archive is damaged.
    """
    ranges = sorted(ranges)
    with open_source(path) as source, path.open("r+b") as file:
        archive = Archive(source)
        for name, entry in archive.entries.items():
            if entry.method or entry.encrypted:
                continue
            start, stop = archive.range_of(name)
            if any(first < stop and last > start for first, last in ranges):
                _renew(source, file, entry, start, stop)


def _renew(source: Source, file: BinaryIO, entry: Entry, start: int, stop: int) -> None:
    checksum = 0
    for at in range(start, stop, _PIECE):
        checksum = zlib.crc32(source.read(at, min(at + _PIECE, stop)), checksum)
    before, after = source.read(entry.record + 16, entry.record + 20), struct.pack("<I", checksum)
    places = [entry.record + 16]
    flags = int.from_bytes(source.read(entry.header + 6, entry.header + 8), "little")
    if flags & _DESCRIBED_BEHIND:
        # Writers may leave its signature out.
        behind = source.read(stop, min(stop + 8, source.size))
        at = stop + 4 if behind[:4] == _DESCRIPTOR else stop
        if behind[at - stop :][:4] == before:
            places.append(at)
    if source.read(entry.header + 14, entry.header + 18) == before:
        places.append(entry.header + 14)
    for place in places:
        file.seek(place)
        file.write(after)
