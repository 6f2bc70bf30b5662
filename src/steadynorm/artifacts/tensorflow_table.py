"""The sorted string table that TensorFlow keeps checkpoints in (LevelDB's format).

A table is a row of blocks of sorted, prefix-compressed keys with their values, an index block whose keys bound those of
the data blocks, and a footer of 48 bytes that says where the index is. Each block ends in its kind of compression and
its checksum.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import TypeAlias

import cramjam

from steadynorm.artifacts.recognition import TABLE_MAGIC
from steadynorm.artifacts.source import Source
from steadynorm.artifacts.varint import varint
from steadynorm.errors import UnusableInputError

FOOTER = 48
TRAILER = 5
PLAIN, SNAPPY = 0, 1

SNAPPY_RATIO = 32
"""Snappy copies at most 64 bytes with three, so nothing that it wrote unpacks to more."""

CHECKED_SIZE = 1 << 14
"""Blocks up to this size are held against their checksum; longer ones would take too long in Python."""

MOST_ENTRIES = 1 << 17
MOST_KEY_BYTES = 1 << 26
MOST_UNPACKED = 1 << 27
"""Most entries and bytes of keys of one table, and bytes of one unpacked block."""

Entry: TypeAlias = tuple[bytes, bytes]


class Table:
    """A table whose blocks are read when something in them is asked for.

    Arguments:
        source: the file.

    Raises:
        UnusableInputError: the footer or the index block is damaged.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        footer = source.tail(FOOTER)
        if len(footer) < FOOTER or footer[-8:] != TABLE_MAGIC:
            raise UnusableInputError(f"{source.path}: is no TensorFlow checkpoint, or cut off: its footer is missing")
        _, _, at = self._handle(footer, 0)
        start, size, _ = self._handle(footer, at)
        self._index: list[tuple[int, int]] = []
        self._bounds: list[bytes] = []
        end = 0
        for key, value in self._block(start, size):
            start, size, _ = self._handle(value, 0)
            if start < end:
                raise UnusableInputError(f"{source.path}: is damaged: its blocks overlap at byte {start}")
            end = start + size + TRAILER
            self._index.append((start, size))
            self._bounds.append(key)

    def __iter__(self) -> Iterator[Entry]:
        """All entries, in the order of their keys; reads the whole table.

        Raises:
            UnusableInputError: a block is damaged.
        """
        entries = bytes_of_keys = 0
        for start, size in self._index:
            for key, value in self._block(start, size):
                entries, bytes_of_keys = entries + 1, bytes_of_keys + len(key)
                if entries > MOST_ENTRIES or bytes_of_keys > MOST_KEY_BYTES:
                    raise UnusableInputError(
                        f"{self.source.path}: has over {entries - 1} entries; expected at most {MOST_ENTRIES} of "
                        f"{MOST_KEY_BYTES} bytes of names"
                    )
                yield key, value

    def get(self, key: bytes) -> bytes | None:
        """The value of one key, `None` if the table does not have it; reads one block.

        Raises:
            UnusableInputError: the block is damaged.
        """
        number = bisect_left(self._bounds, key)
        if number == len(self._index):
            return None
        return next((value for each, value in self._block(*self._index[number]) if each == key), None)

    def _handle(self, data: bytes, at: int) -> tuple[int, int, int]:
        start, at = varint(data, at, self.source.path)
        size, at = varint(data, at, self.source.path)
        return start, size, at

    def _block(self, start: int, size: int) -> Iterator[Entry]:
        data = self.source.read(start, start + size + TRAILER)
        if size <= CHECKED_SIZE and masked(crc32c(data[: size + 1])) != int.from_bytes(data[size + 1 :], "little"):
            raise UnusableInputError(f"{self.source.path}: is damaged: wrong checksum of the block at byte {start}")
        if data[size] == SNAPPY:
            return self._entries(self._unpacked(data[:size], start), start)
        if data[size] == PLAIN:
            return self._entries(data[:size], start)
        raise UnusableInputError(f"{self.source.path}: is damaged: compression {data[size]} of the block at {start}")

    def _unpacked(self, data: bytes, start: int) -> bytes:
        length, _ = varint(data, 0, self.source.path)
        if length > min(SNAPPY_RATIO * len(data) + 64, MOST_UNPACKED):
            raise UnusableInputError(
                f"{self.source.path}: is damaged: {len(data)} bytes at byte {start} claim to unpack to {length}"
            )
        try:
            return bytes(cramjam.snappy.decompress_raw(data))
        except cramjam.DecompressionError as error:
            raise UnusableInputError(
                f"{self.source.path}: is damaged: the block at byte {start} does not unpack: {error}"
            ) from error

    def _entries(self, data: bytes, start: int) -> Iterator[Entry]:
        """The entries of an unpacked block; the restart points behind them are not needed to read all."""
        path, key, at = self.source.path, b"", 0
        restarts = int.from_bytes(data[-4:], "little")
        end = len(data) - 4 - 4 * restarts
        if len(data) < 4 or end < 0:
            raise UnusableInputError(f"{path}: is damaged: {restarts} restart points in the block at byte {start}")
        count = bytes_of_keys = 0
        while at < end:
            shared, at = varint(data, at, path)
            added, at = varint(data, at, path)
            length, at = varint(data, at, path)
            count, bytes_of_keys = count + 1, bytes_of_keys + shared + added
            too_many = count > MOST_ENTRIES or bytes_of_keys > MOST_KEY_BYTES
            if shared > len(key) or at + added + length > end or too_many:
                raise UnusableInputError(f"{path}: is damaged: entry {count} of the block at byte {start} is no entry")
            key = key[:shared] + data[at : at + added]
            at += added + length
            yield key, data[at - length : at]


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return tuple(table)


_CRC = _crc_table()


def crc32c(data: bytes) -> int:
    """The checksum of the Castagnoli polynomial."""
    value = 0xFFFFFFFF
    for byte in data:
        value = value >> 8 ^ _CRC[(value ^ byte) & 0xFF]
    return value ^ 0xFFFFFFFF


def masked(checksum: int) -> int:
    """As tables store it, so that a checksum of data with checksums in it stays good."""
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF
