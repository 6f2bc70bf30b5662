"""The lines of code that a finding is about, with what it points to underlined, as a terminal shows them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from steadynorm.place import Place
from steadynorm.report.words import printable

if TYPE_CHECKING:
    from steadynorm.source.reading.files import SourceFile

CONTEXT = 1
"""Lines above and below that are shown with it."""

MOST_LINES = 5
"""Lines of what it is about; of a longer stretch the first ones are shown."""

_TAB = "    "


def frame(file: SourceFile, place: Place, width: int) -> Iterator[Text]:
    """The lines of a place with their numbers, those of a notebook within the cell.

    Arguments:
        file: the file.
        place: what is underlined.
        width: columns that a line may take.
    """
    shown = file.shown(place)
    cell = file.cell_at(place.line)
    above = place.line - shown.line
    first = max(shown.line - CONTEXT, 1)
    there = cell.lines if cell is not None else len(file.lines)
    is_long = shown.end_line >= shown.line + MOST_LINES
    last = min(shown.line + MOST_LINES - 1 if is_long else shown.end_line + CONTEXT, there)
    gutter = len(str(last))
    for number in range(first, last + 1):
        line = file.lines.line(above + number)
        inside = shown.line <= number <= shown.end_line
        begin = shown.column - 1 if number == shown.line else len(line) - len(line.lstrip())
        end = shown.end_column - 1 if number == shown.end_line else len(line.rstrip())
        if not line.strip() and number in (first, last) and not inside:
            continue
        text, start, length = _cut(line, begin if inside else 0, end if inside else 0, width - gutter - 3)
        yield Text.assemble((f"{number:>{gutter}} │ ", "dim"), text)
        if inside and length:
            yield Text.assemble((f"{'':>{gutter}} │ ", "dim"), " " * start, ("^" * length, "bold red"))


def _cut(line: str, begin: int, end: int, width: int) -> tuple[str, int, int]:
    """A line in at most so many columns, and where what is underlined begins in it and how long it is."""
    before, marked, behind = (_plain(part) for part in (line[:begin], line[begin:end], line[end:]))
    room = width - min(cell_len(marked), width // 2)
    if cell_len(before) > room:
        before = f"…{_last_cells(before, max(room - 1, 0))}"
    whole = f"{before}{marked}{behind}".rstrip()
    start = cell_len(before)
    if cell_len(whole) > width:
        whole = f"{_first_cells(whole, width - 1)}…"
    return whole, start, max(0, min(cell_len(marked), cell_len(whole) - start))


def _plain(text: str) -> str:
    return printable(text.replace("\t", _TAB))


def _first_cells(text: str, width: int) -> str:
    while cell_len(text) > width:
        text = text[:-1]
    return text


def _last_cells(text: str, width: int) -> str:
    while cell_len(text) > width:
        text = text[1:]
    return text
