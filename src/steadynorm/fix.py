"""What would mend a mistake in source code: edits of text, and how far they may be trusted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """A stretch of a source file's text that is replaced.

    Arguments:
        path: the file.
        start: the offset of its first character, in the text as it was read.
        end: the offset behind its last character; `start` for text that is put in.
        text: what stands there afterwards.
    """

    path: str
    start: int
    end: int
    text: str

    def overlaps(self, other: Edit) -> bool:
        """Whether both want to say what stands in one place.

        Two insertions in one place would stand in an order that nobody chose; what touches a replaced stretch from
        outside does not overlap.
        """
        if self.path != other.path:
            return False
        if self.start == self.end or other.start == other.end:
            point, stretch = (self.start, other) if self.start == self.end else (other.start, self)
            return stretch.start < point < stretch.end or stretch.start == point == stretch.end
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class Fix:
    """Edits that belong together: all of them are made, or none.

    Arguments:
        description: what they do, in a few words, as `leave out the bias`.
        edits: the edits, in one file or in several.
        safe: whether behaviour only changes where it was wrong; other fixes are made with `--unsafe-fixes` only.
    """

    description: str
    edits: tuple[Edit, ...]
    safe: bool
