"""The pieces that every report in a terminal is laid out with."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

WIDTH = 80
"""Columns of the plain text."""


def as_lines(renderable: RenderableType) -> str:
    """What would be shown, as plain text of 80 columns without blanks at the ends of lines."""
    buffer = StringIO()
    console = Console(file=buffer, width=WIDTH, color_system=None, force_terminal=False, legacy_windows=False)
    console.print(renderable)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())


def section(title: str, *parts: RenderableType) -> Iterator[RenderableType]:
    """A blank line, a heading, and the parts below it."""
    yield Text()
    yield Text(title, style="bold")
    for part in parts:
        yield Padding(part, (0, 0, 0, 2))


def grid(*headings: str, right: int = 99) -> Table:
    """An unboxed table; columns from `right` on hold numbers."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for index, heading in enumerate(headings):
        table.add_column(Text(heading), justify="right" if index >= right else "left", overflow="fold")
    return table


def pairs(*rows: tuple[str, str]) -> Table:
    """Two columns: what it is, and what it says."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(overflow="fold", max_width=38)
    table.add_column(overflow="fold")
    for left, right in rows:
        table.add_row(Text(left, style="dim"), Text(right))
    return table
