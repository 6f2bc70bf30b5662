"""Where in source code something stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Place(NamedTuple):
    """A stretch of a source file's text, counted as `ast` counts: what an edit needs.

    Of a notebook the lines are those of all its code cells, one after the other. What a reader is shown is counted
    otherwise (`Shown`, which `SourceFile.shown` makes of it).

    Arguments:
        path: the file.
        line: its first line, counted from 1.
        column: where it begins in that line, in bytes of UTF-8 counted from 0.
        end_line: its last line.
        end_column: where it ends in that line, likewise.
    """

    path: str
    line: int
    column: int = 0
    end_line: int = 0
    end_column: int = 0

    def __str__(self) -> str:
        """As `train.py:12`."""
        return f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True, order=True)
class Shown:
    """A place as editors, SARIF and GitHub count: lines and columns from 1, columns in characters.

    Arguments:
        path: the file.
        cell: in a notebook the cell, counted from 1 over all cells of whatever kind; `None` elsewhere.
        line: the first line, in a notebook of the cell.
        column: its first column.
        end_line: the last line.
        end_column: the column behind the last character.
    """

    path: str
    cell: int | None
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        """As `train.py:12`, in a notebook `train.ipynb:cell 3:12`."""
        return f"{self.path}:{self.line}" if self.cell is None else f"{self.path}:cell {self.cell}:{self.line}"
