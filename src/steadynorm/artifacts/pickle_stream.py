"""The bytes of a pickle, in order, a window at a time."""

from __future__ import annotations

import struct

from steadynorm.artifacts.source import Source
from steadynorm.errors import UnusableInputError

WINDOW = 1 << 18
LONGEST_LINE = 1 << 16
LARGE = 1 << 16
"""Longer strings and bytes stay in the file: whoever wants them reads them there."""

MARGIN = 16
"""No instruction has more bytes, but for those that it says itself that they follow."""


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
        self._end = 0
        self._offset = start
        self._at = 0

    @property
    def position(self) -> int:
        """The place in the source of the next byte."""
        return self._offset + self._at

    def window(self) -> tuple[bytes, int, int]:
        """Bytes of the pickle, for whoever takes them without a call for each.

        Returns:
            the bytes; the place in them of the next one; and the place behind the last one that an instruction may
            begin at and be whole in them. Behind the end of the pickle they go on with zeros: an instruction that is
            cut off ends beyond the last place, which `go_on` finds out.
        """
        if self._end - self._at < MARGIN and not self._is_last:
            self._fill(min(MARGIN, self._stop - self.position))
        if self._at >= self._end:
            raise self.broken("it ends there; more instructions were expected")
        return self._window, self._at, self._end if self._is_last else self._end - MARGIN + 1

    def go_on(self, at: int) -> None:
        """Makes a place in the window the next one."""
        if at > self._end:
            self._at = self._end
            raise self.broken(f"it ends there; {at - self._end} more bytes were expected")
        self._at = at

    @property
    def _is_last(self) -> bool:
        return self._offset + self._end >= self._stop

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        stop = self._at + count
        if stop > self._end:
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
        end = self._window.find(b"\n", self._at, min(self._at + LONGEST_LINE, self._end))
        if end < 0:
            self._fill(min(LONGEST_LINE, self._stop - self.position))
            end = self._window.find(b"\n", self._at, min(self._at + LONGEST_LINE, self._end))
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
        if self._at > self._end:
            self._offset, self._window, self._at, self._end = start + count, b"", 0, 0
        return start, start + count

    def broken(self, what: str) -> UnusableInputError:
        """The error that says where in the file the pickle is wrong."""
        return UnusableInputError(f"{self.source.path}: its pickle is damaged at byte {self.position}: {what}")

    def _fill(self, count: int) -> None:
        start = self.position
        if count > self._stop - start:
            raise self.broken(f"it ends there; {count} more bytes were expected")
        # A part of the window is still unread: it is kept, so that small reads stay few.
        rest = self._window[self._at : self._end]
        stop = min(start + max(count, WINDOW), self._stop)
        self._window = b"".join((rest, self.source.read(start + len(rest), stop), bytes(MARGIN)))
        self._offset, self._at, self._end = start, 0, stop - start
