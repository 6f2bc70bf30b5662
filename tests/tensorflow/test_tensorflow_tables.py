"""Tables written by hand as LevelDB's format says: several blocks, shared prefixes, snappy; and tables that lie."""

from __future__ import annotations

from collections.abc import Iterable

import cramjam
import pytest

from steadynorm.artifacts import tensorflow_checkpoint as checkpoint
from steadynorm.artifacts.source import of_bytes
from steadynorm.artifacts.tensorflow_table import TABLE_MAGIC, Table, crc32c, masked
from steadynorm.errors import UnusableInputError

ENTRIES = [(f"layer{number:03d}/weights".encode(), bytes([number]) * 40) for number in range(200)]


def varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def block(entries: Iterable[tuple[bytes, bytes]], restart_every: int = 16) -> bytes:
    """The content of a block: every so many entries the whole key."""
    found, restarts, before = b"", [], b""
    for number, (key, value) in enumerate(entries):
        shared = 0
        if number % restart_every == 0:
            restarts.append(len(found))
        else:
            while shared < min(len(key), len(before)) and key[shared] == before[shared]:
                shared += 1
        found += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        before = key
    return found + b"".join(each.to_bytes(4, "little") for each in [*restarts, len(restarts)])


def stored(content: bytes, compression: int) -> bytes:
    data = bytes(cramjam.snappy.compress_raw(content)) if compression == 1 else content
    data += bytes([compression])
    return data + masked(crc32c(data)).to_bytes(4, "little")


def table(pieces: list[bytes], handles: list[tuple[bytes, int, int]] | None = None) -> bytes:
    """A file of finished blocks, and an index that tells the truth about them unless it is given."""
    data = b"".join(pieces)
    if handles is None:
        starts = [sum(len(each) for each in pieces[:at]) for at in range(len(pieces))]
        handles = [(b"%c" % at, start, len(pieces[at]) - 5) for at, start in enumerate(starts)]
    second = stored(block([]), 0)
    first = stored(block((key, varint(start) + varint(size)) for key, start, size in handles), 0)
    footer = varint(len(data)) + varint(len(second) - 5) + varint(len(data) + len(second)) + varint(len(first) - 5)
    return data + second + first + footer.ljust(40, b"\0") + TABLE_MAGIC


def read(data: bytes) -> list[tuple[bytes, bytes]]:
    return list(Table(of_bytes("file", data)))


def test_checksum_of_the_standard() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # RFC 3720
    assert crc32c(bytes(32)) == 0x8A9136AA


def blocks(compression: int = 0) -> list[bytes]:
    return [stored(block(ENTRIES[start : start + 50]), compression) for start in range(0, 200, 50)]


@pytest.mark.parametrize("compression", [0, 1])
def test_blocks_with_shared_prefixes(compression: int) -> None:
    data = table(blocks(compression))

    assert read(data) == ENTRIES
    assert (len(data) < sum(len(key) + len(value) for key, value in ENTRIES) / 2) == (compression == 1)


def test_one_value_is_found_by_its_block_alone() -> None:
    sizes = [len(each) for each in blocks()]
    handles = [(ENTRIES[50 * at + 49][0], sum(sizes[:at]), size - 5) for at, size in enumerate(sizes)]
    source = of_bytes("file", table(blocks(), handles))
    opened = Table(source)
    before = source.bytes_read

    assert opened.get(ENTRIES[120][0]) == ENTRIES[120][1]
    assert source.bytes_read - before == sizes[2]
    assert opened.get(b"layer120/nothing") is None
    assert opened.get(b"z") is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (bytes(100), "footer is missing"),
        (bytes(40) + TABLE_MAGIC, "damaged"),
        (b"\xff" * 40 + TABLE_MAGIC, "no integer"),
        (table(blocks(), [(b"a", 1 << 40, 10)]), "points to bytes"),
        (table(blocks(), [(b"a", 0, len(blocks()[0]) - 5)] * 2), "overlap"),
        (table([stored(block(ENTRIES), 7)]), "compression 7"),
        (table([stored(b"\xff\xff\xff\x7f" * 3, 0)]), "restart points"),
        (table([stored(b"\x05\x01\x00a" + bytes(4), 0)]), "is no entry"),
        (table([stored(b"\x00\x01\xff\xff\x03a" + bytes(4), 0)]), "is no entry"),
    ],
)
def test_tables_that_lie(data: bytes, reason: str) -> None:
    with pytest.raises(UnusableInputError, match=reason):
        read(data)


@pytest.mark.parametrize("data", [varint(1 << 40) + bytes(20), varint(1 << 29) + bytes(99), b"\x10\xff\xff\xff"])
def test_snappy_bombs(data: bytes) -> None:
    piece = data + b"\1"
    with pytest.raises(UnusableInputError, match="unpack"):
        read(table([piece + masked(crc32c(piece)).to_bytes(4, "little")]))


def test_keys_that_grow_for_ever() -> None:
    content = b"\x00\x01\x00a" + b"".join(varint(number) + b"\x01\x00a" for number in range(1, 20_000)) + bytes(4)
    with pytest.raises(UnusableInputError, match="is no entry"):
        read(table([stored(content, 0)]))


@pytest.mark.parametrize("field", [b"\x0a\x00", b"\x3a\x00"])
def test_messages_that_grow_when_they_are_parsed(field: bytes) -> None:
    """Two bytes for an empty message in a list; snappy makes hardly anything of millions of them."""
    if field == b"\x0a\x00":
        inner = field * (5 << 20)
        entries = [(b"", b"\x0a" + varint(len(inner)) + inner)]
    else:
        entries = [(b"", b"\x08\x01"), (b"a", field * (9 << 20))]
    data = table([stored(block(entries), 1)])
    assert len(data) < 2_000_000
    with pytest.raises(UnusableInputError, match="has over"):
        checkpoint.read(of_bytes("file", data))
