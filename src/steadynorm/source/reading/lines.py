"""Positions in a text: offsets of characters, and lines with columns as `ast` has them."""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import accumulate

_END = re.compile(r"\r\n|\r|\n")
"""Where Python ends a line. `str.splitlines` also ends them at form feeds and other separators, and would miscount."""


class Lines:
    """The lines of a text.

    Arguments:
        text: the text, with whatever ends of lines it has.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        if "\r" in text:
            self._starts = [0, *(end.end() for end in _END.finditer(text))]
        else:
            lengths = (len(line) + 1 for line in text.split("\n")[:-1])
            self._starts = [0, *accumulate(lengths)]

    def __len__(self) -> int:
        """How many lines there are; a text that ends with the end of a line has none after it."""
        return len(self._starts) - (self._starts[-1] == len(self.text) and len(self._starts) > 1)

    def start(self, line: int) -> int:
        """The offset at which a line starts, counted from 1; the end of the text for the line after the last one."""
        return self._starts[line - 1] if line <= len(self._starts) else len(self.text)

    def end(self, line: int) -> int:
        """The offset behind the last character of a line, before what ends it."""
        return self.start(line) + len(self.line(line))

    def line(self, line: int) -> str:
        """A line, counted from 1, without what ends it."""
        return self.text[self.start(line) : self.start(line + 1)].rstrip("\r\n")

    def offset(self, line: int, column: int) -> int:
        """The offset of a position of `ast`.

        Arguments:
            line: counted from 1.
            column: in bytes of UTF-8 from the start of the line, counted from 0.
        """
        start = self.start(line)
        text = self.text[start : start + column]
        if text.isascii():
            return start + column
        return start + len(self.line(line).encode("utf-8", "surrogatepass")[:column].decode("utf-8", "replace"))

    def position(self, offset: int) -> tuple[int, int]:
        """The line, counted from 1, and the column in characters, counted from 0, of an offset."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1]
