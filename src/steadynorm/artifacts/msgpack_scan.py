"""MessagePack in a file of any size: the tree of its maps and lists, while long texts and arrays stay in the file."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TypeAlias

from steadynorm.artifacts.source import Source
from steadynorm.errors import UnusableInputError

MOST_DEPTH = 64
MOST_ITEMS = 2_000_000
_BLOCK = 1 << 12
LONGEST_TEXT = 1 << 16


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes that were skipped: a binary, or an extension.

    Arguments:
        start: where they begin.
        stop: where they end.
        code: the extension's code, `None` for a binary.
    """

    start: int
    stop: int
    code: int | None = None


Item: TypeAlias = "bool | int | float | str | Span | list[Item] | dict[str, Item] | None"

_NUMBERS = {
    0xCA: ">f",
    0xCB: ">d",
    0xCC: ">B",
    0xCD: ">H",
    0xCE: ">I",
    0xCF: ">Q",
    0xD0: ">b",
    0xD1: ">h",
    0xD2: ">i",
    0xD3: ">q",
}
_TEXTS = {0xD9: 1, 0xDA: 2, 0xDB: 4}
_BINARIES = {0xC4: 1, 0xC5: 2, 0xC6: 4}
_EXTENSIONS = {0xC7: 1, 0xC8: 2, 0xC9: 4}
_FIXED_EXTENSIONS = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
_LISTS = {0xDC: 2, 0xDD: 4}
_MAPS = {0xDE: 2, 0xDF: 4}
_SINGLE = {0xC0: None, 0xC2: False, 0xC3: True}


def scan(source: Source, start: int = 0, stop: int | None = None) -> Item:
    """The one item that lies between two positions.

    Raises:
        UnusableInputError: it is damaged, ends early or late, nests too deep or has too many parts.
    """
    scanner = _Scanner(source, start, source.size if stop is None else stop)
    item = scanner.item(0)
    if scanner.at != scanner.stop:
        raise scanner.error(f"{scanner.stop - scanner.at} bytes follow its end")
    return item


class _Scanner:
    def __init__(self, source: Source, start: int, stop: int) -> None:
        self.at, self.stop = start, stop
        self._source = source
        self._items = 0
        self._block, self._block_start = b"", start

    def error(self, what: str) -> UnusableInputError:
        """The error at the present position."""
        return UnusableInputError(f"{self._source.path}: is no sound MessagePack at byte {self.at}: {what}")

    def item(self, depth: int) -> Item:
        """The next item, with all that is in it."""
        self._items += 1
        if depth > MOST_DEPTH or self._items > MOST_ITEMS:
            raise self.error(f"it nests deeper than {MOST_DEPTH} or has more than {MOST_ITEMS} parts")
        kind = self._take(1)[0]
        if kind < 0x80:
            return kind
        if kind >= 0xE0:
            return kind - 0x100
        if kind < 0x90 or kind in _MAPS:
            return self._map(kind & 0x0F if kind < 0x90 else self._length(_MAPS[kind]), depth)
        if kind < 0xA0 or kind in _LISTS:
            count = kind & 0x0F if kind < 0xA0 else self._length(_LISTS[kind])
            return [self.item(depth + 1) for _ in range(count)]
        if kind < 0xC0 or kind in _TEXTS:
            return self._text(kind & 0x1F if kind < 0xC0 else self._length(_TEXTS[kind]))
        if kind in _NUMBERS:
            form = _NUMBERS[kind]
            number: int | float = struct.unpack(form, self._take(struct.calcsize(form)))[0]
            return number
        if kind in _BINARIES:
            return self._skip(self._length(_BINARIES[kind]), None)
        if kind in _EXTENSIONS or kind in _FIXED_EXTENSIONS:
            length = self._length(_EXTENSIONS[kind]) if kind in _EXTENSIONS else _FIXED_EXTENSIONS[kind]
            return self._skip(length, self._take(1)[0])
        if kind in _SINGLE:
            return _SINGLE[kind]
        raise self.error(f"no item begins with {kind:#x}")

    def _map(self, count: int, depth: int) -> dict[str, Item]:
        found: dict[str, Item] = {}
        for _ in range(count):
            key = self.item(depth + 1)
            if not isinstance(key, str | int):
                raise self.error(f"a key is a {type(key).__name__}; expected a text")
            found[str(key)] = self.item(depth + 1)
        return found

    def _text(self, length: int) -> str | Span:
        if length > LONGEST_TEXT:
            return self._skip(length, None)
        return self._take(length).decode("utf-8", "replace")

    def _length(self, width: int) -> int:
        return int.from_bytes(self._take(width), "big")

    def _skip(self, length: int, code: int | None) -> Span:
        if length > self.stop - self.at:
            raise self.error(f"{length} bytes should follow and {self.stop - self.at} do; the file is cut off")
        self.at += length
        return Span(self.at - length, self.at, code)

    def _take(self, count: int) -> bytes:
        if count > self.stop - self.at:
            raise self.error("it is cut off")
        first = self.at - self._block_start
        if not 0 <= first <= len(self._block) - count:
            self._block_start, first = self.at, 0
            self._block = self._source.read(self.at, min(self.at + max(count, _BLOCK), self.stop))
        self.at += count
        return self._block[first : first + count]
