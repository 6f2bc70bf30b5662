"""A source file as it is with edits made, the cells of a notebook with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from steadynorm.fix import Edit
from steadynorm.source.editing.edits import applied
from steadynorm.source.reading.files import SourceFile


def rewritten(file: SourceFile, edits: Sequence[Edit]) -> SourceFile:
    """A file with edits made, which must not overlap; itself without any.

    Arguments:
        file: the file; it stays as it is.
        edits: edits of it, in a notebook each within one cell.
    """
    if not edits:
        return file
    new = replace(file, text=applied(file.text, edits), cells=None)
    if file.cells is None:
        return new
    cells = []
    for cell in file.cells:
        inside = [each for each in edits if cell.start <= each.start and each.end <= cell.start + cell.length]
        start = cell.start + sum(_growth(each) for each in edits if each.start < cell.start)
        lines = cell.lines + sum(each.text.count("\n") - file.text.count("\n", each.start, each.end) for each in inside)
        length = cell.length + sum(map(_growth, inside))
        cells.append(replace(cell, start=start, length=length, line=new.lines.position(start)[0], lines=lines))
    return replace(new, cells=tuple(cells))


def _growth(edit: Edit) -> int:
    return len(edit.text) - (edit.end - edit.start)
