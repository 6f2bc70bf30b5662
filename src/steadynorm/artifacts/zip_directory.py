"""The directory of a zip archive: which range of the file each entry is, without unpacking anything.

Only the directory at the end counts, as for every loader; local headers are asked for nothing but their length.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple
from weakref import WeakKeyDictionary

from steadynorm.artifacts.places import shortened
from steadynorm.artifacts.source import Source, of_bytes, part_of
from steadynorm.errors import UnusableInputError

MOST_ENTRIES = 200_000
MOST_UNPACKED = 1 << 26
"""Most bytes that a compressed entry may unpack to."""

_END, _END64, _END64_PLACE = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_ENTRY, _LOCAL = b"PK\x01\x02", b"PK\x03\x04"
_STORED, _DEFLATED = 0, 8
_FULL32 = 0xFFFFFFFF

_FIXED = struct.Struct("<4s4xHH8xIIHHH8xI")
"""What every entry of the directory begins with: magic number, flags, method, packed and unpacked length, the lengths
of its name, extra fields and comment, and where its local header is."""


class Entry(NamedTuple):
    """One entry of the directory.

    Arguments:
        name: as the directory has it.
        method: 0 stored, 8 deflated.
        packed: its length in the file.
        size: its length unpacked.
        header: where its local header is.
        encrypted: whether it is.
        record: where the directory has it.
    """

    name: str
    method: int
    packed: int
    size: int
    header: int
    encrypted: bool
    record: int = 0


class Archive:
    """A zip archive.

    Arguments:
        source: the file.

    Raises:
        UnusableInputError: its directory is damaged or has too many entries, or two entries of one name.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.entries: dict[str, Entry] = {}
        for entry in directory(source):
            if entry.name in self.entries:
                raise UnusableInputError(
                    f"{source.path}: its archive has two entries {shortened(entry.name)}: loaders differ in which "
                    "they take"
                )
            self.entries[entry.name] = entry

    def range_of(self, name: str) -> tuple[int, int]:
        """Where the bytes of a stored entry are.

        Raises:
            UnusableInputError: it is compressed, encrypted, or reaches beyond the file.
        """
        entry = self._entry(name)
        if entry.encrypted or entry.method != _STORED or entry.packed != entry.size:
            raise UnusableInputError(
                f"{self.source.path}: the entry {shortened(name)} of its archive is compressed or encrypted; "
                "expected the archive as the framework writes it"
            )
        start = self._data(entry)
        if start + entry.size > self.source.size:
            raise UnusableInputError(f"{self.source.path}: is cut off: {shortened(name)} reaches beyond its end")
        return start, start + entry.size

    def opened(self, name: str) -> Source:
        """An entry as a source: a range of the file if it is stored, else unpacked in memory.

        Raises:
            UnusableInputError: it is encrypted, damaged, or unpacks to far more than it should.
        """
        entry = self._entry(name)
        path = f"{self.source.path}:{shortened(name)}"
        if entry.method == _STORED or entry.encrypted:
            return part_of(self.source, path, *self.range_of(name))
        if entry.method != _DEFLATED:
            raise UnusableInputError(f"{path}: is compressed by method {entry.method}; expected stored or deflated")
        if entry.size > MOST_UNPACKED or entry.packed > MOST_UNPACKED:
            raise UnusableInputError(f"{path}: unpacks to {entry.size} bytes; expected at most {MOST_UNPACKED}")
        start = self._data(entry)
        return of_bytes(path, _unpacked(self.source.read(start, start + entry.packed), entry.size, path))

    def size(self, name: str) -> int:
        """The unpacked length of an entry, as the directory has it; reading it makes sure of it."""
        return self._entry(name).size

    def text(self, name: str) -> bytes:
        """All bytes of a small entry, as of a program's source or a list of names."""
        opened = self.opened(name)
        if opened.size > MOST_UNPACKED:
            raise UnusableInputError(f"{opened.path}: has {opened.size} bytes; expected at most {MOST_UNPACKED}")
        return opened.read(0, opened.size)

    def _entry(self, name: str) -> Entry:
        if name not in self.entries:
            raise UnusableInputError(f"{self.source.path}: its archive has no entry {shortened(name)}")
        return self.entries[name]

    def _data(self, entry: Entry) -> int:
        local = self.source.read(entry.header, entry.header + 30)
        if local[:4] != _LOCAL:
            raise UnusableInputError(f"{self.source.path}: there is no entry at byte {entry.header} of its archive")
        name, extra = struct.unpack("<HH", local[26:30])
        return entry.header + 30 + int(name) + int(extra)


def _unpacked(data: bytes, size: int, path: str) -> bytes:
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        found = unpacker.decompress(data, size + 1)
    except zlib.error as error:
        raise UnusableInputError(f"{path}: cannot be unpacked: {error}") from error
    if len(found) != size:
        raise UnusableInputError(f"{path}: does not unpack to the {size} bytes that its archive says")
    return found


_KNOWN: WeakKeyDictionary[Source, tuple[Entry, ...]] = WeakKeyDictionary()


def directory(source: Source) -> tuple[Entry, ...]:
    """The directory of an archive; one that was read before, to recognise the file, is not read again.

    Raises:
        UnusableInputError: it is damaged or has too many entries.
    """
    if source not in _KNOWN:
        _KNOWN[source] = tuple(_entries(source))
    return _KNOWN[source]


def is_too_large(source: Source) -> bool:
    """Whether an archive has more entries than any model: a data set has millions.

    Raises:
        UnusableInputError: the end of the archive is damaged.
    """
    return _end(source)[0] > MOST_ENTRIES


def _entries(source: Source) -> Iterator[Entry]:
    count, size, start = _end(source)
    if count > MOST_ENTRIES or size > 46 * count + (count << 16):
        raise UnusableInputError(f"{source.path}: its archive has {count} entries; expected at most {MOST_ENTRIES}")
    data = source.read(start, start + size)
    at = 0
    for _ in range(count):
        if len(data) < at + 46 or data[at : at + 4] != _ENTRY:
            raise UnusableInputError(f"{source.path}: the directory of its archive is damaged at byte {start + at}")
        _, flags, method, packed, unpacked, name, extra, comment, header = _FIXED.unpack_from(data, at)
        behind = at + 46 + name
        if _FULL32 in (packed, unpacked, header):
            unpacked, packed, header = _long_numbers(data[behind : behind + extra], (unpacked, packed, header))
        text = data[at + 46 : behind].decode("utf-8", "replace")
        yield Entry(text, method, packed, unpacked, header, bool(flags & 1), start + at)
        at = behind + extra + comment


def _end(source: Source) -> tuple[int, int, int]:
    """How many entries there are, how long the directory is and where it begins."""
    tail = source.tail(42)
    at = len(tail) - 22
    if at < 0 or tail[at:][:4] != _END:
        tail = source.tail(42 + 0xFFFF)  # a comment may stand behind it
        at = tail.rfind(_END)
    if at < 0 or len(tail) < at + 22:
        raise UnusableInputError(f"{source.path}: is cut off: the directory at the end of its archive is missing")
    count, size, start = struct.unpack("<HII", tail[at + 10 : at + 20])
    place = tail[at - 20 : at] if at >= 20 else b""
    if place[:4] == _END64_PLACE and (count == 0xFFFF or _FULL32 in (size, start)):
        where = int.from_bytes(place[8:16], "little")
        end = source.read(where, where + 56)
        if end[:4] != _END64:
            raise UnusableInputError(f"{source.path}: the end of its archive is damaged at byte {where}")
        count, size, start = struct.unpack("<QQQ", end[32:56])
    return count, size, start


def _long_numbers(extra: bytes, numbers: tuple[int, int, int]) -> tuple[int, int, int]:
    """The numbers that do not fit into 32 bits, from the extra field 1; each stands there only if it is needed."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack("<HH", extra[at : at + 4])
        if kind == 1:
            values = [
                int.from_bytes(extra[place : place + 8], "little") for place in range(at + 4, at + 4 + length - 7, 8)
            ]
            found = [values.pop(0) if each == _FULL32 and values else each for each in numbers]
            return found[0], found[1], found[2]
        at += 4 + length
    return numbers
