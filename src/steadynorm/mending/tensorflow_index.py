"""Writes the sorted string table that is a TensorFlow checkpoint's index, as TensorFlow reads it."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from steadynorm.artifacts.recognition import TABLE_MAGIC
from steadynorm.artifacts.tensorflow_table import FOOTER, PLAIN, Entry, masked
from steadynorm.mending.checksum import checksum

BLOCK = 1 << 14


def table_bytes(entries: Iterable[Entry]) -> bytes:
    """A table of entries, uncompressed.

    Arguments:
        entries: in the order of their keys.
    """
    table, blocks, waiting, size = bytearray(), [], [], 0
    for key, value in entries:
        waiting.append((key, value))
        size += len(key) + len(value)
        if size >= BLOCK:
            blocks.append((key, _add(table, waiting)))
            waiting, size = [], 0
    if waiting:
        blocks.append((waiting[-1][0], _add(table, waiting)))
    empty = _add(table, [])
    footer = empty + _add(table, blocks)
    return bytes(table + footer.ljust(FOOTER - len(TABLE_MAGIC), b"\0") + TABLE_MAGIC)


def _add(table: bytearray, entries: list[Entry]) -> bytes:
    """Adds a block, in which every entry is a restart point; returns where it is."""
    start, block, restarts = len(table), bytearray(), []
    for key, value in entries:
        restarts.append(len(block))
        block += varint_bytes(0) + varint_bytes(len(key)) + varint_bytes(len(value)) + key + value
    restarts = restarts or [0]
    block += struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts))
    stored = bytes(block) + bytes([PLAIN])
    table += stored + struct.pack("<I", masked(checksum(stored)))
    return varint_bytes(start) + varint_bytes(len(block))


def varint_bytes(value: int) -> bytes:
    """An integer of variable length."""
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
