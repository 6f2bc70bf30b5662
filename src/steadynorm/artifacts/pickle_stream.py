"""The bytes of a pickle, in order, a window at a time."""

from __future__ import annotations

import struct

from steadynorm.artifacts.source import Source
from steadynorm.errors import UnusableInputError

WINDOW = 1 << 18
LONGEST_LINE = 1 << 16
LARGE = 1 << 16
"""Longer strings and bytes stay in the file: whoever wants them reads them there."""


class PickleStream:
    """Reads a range of a source from its start on.

    Arguments:
        source: the file.
        start: where the pickle begins.
        stop: where it must have ended; the file's end by default.
    """

    def __init__(self, source: Source, start: int = 0, stop: int | None = None) -> None:
        self.source = source
        self._stop = source.size if stop is None else stop
        self._window = b""
        self._offset = start
        self._at = 0

    @property
    def position(self) -> int:
        """The place in the source of the next byte."""
        return self._offset + self._at

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        stop = self._at + count
        if stop > len(self._window):
            self._fill(count)
            stop = self._at + count
        data = self._window[self._at : stop]
        self._at = stop
        return data

    def number(self, form: str, count: int) -> int:
        """The next `count` bytes as an integer of a `struct` form."""
        return int(struct.unpack(form, self.take(count))[0])

    def line(self) -> bytes:
        """The bytes up to the next line feed, which is left out."""
        end = self._window.find(b"\n", self._at)
        if end < 0:
            self._fill(min(LONGEST_LINE, self._stop - self.position))
            end = self._window.find(b"\n", self._at, self._at + LONGEST_LINE)
            if end < 0:
                raise self.broken("a line of it does not end")
        data = self._window[self._at : end]
        self._at = end + 1
        return data

    def skip(self, count: int) -> tuple[int, int]:
        """Leaves out `count` bytes; returns where they begin and end."""
        start = self.position
        if not 0 <= count <= self._stop - start:
            raise self.broken(f"it says that {count} bytes follow, and {self._stop - start} are left")
        self._at += count
        if self._at > len(self._window):
            self._offset, self._window, self._at = start + count, b"", 0
        return start, start + count

    def broken(self, what: str) -> UnusableInputError:
        """The error that says where in the file the pickle is wrong."""
        return UnusableInputError(f"{self.source.path}: its pickle is damaged at byte {self.position}: {what}")

    def _fill(self, count: int) -> None:
        start = self.position
        if count > self._stop - start:
            raise self.broken(f"it ends there; {count} more bytes were expected")
        # A part of the window is still unread: it is kept, so that small reads stay few.
        rest = self._window[self._at :]
        stop = min(start + max(count, WINDOW), self._stop)
        self._window = rest + self.source.read(start + len(rest), stop)
        self._offset, self._at = start, 0
