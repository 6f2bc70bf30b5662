"""A run file for a terminal: complete at 80 columns, and without colour."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.table import Table
from rich.text import Text

from steadynorm.checks.distance import LOG_VARIANCE_THRESHOLD, SHIFT_THRESHOLD
from steadynorm.report.layout import as_lines, grid, pairs, section
from steadynorm.report.run import Run
from steadynorm.report.run_summary import CourseRow, course_rows, losses_said, run_looked_at, run_verdict
from steadynorm.report.styles import WIDEST
from steadynorm.report.words import counted, known, number, printable, sentence, shortened

SHOWN_LAYERS = 12
"""Rows of the table of layers."""

_NAME = 34


def renderable(run: Run) -> RenderableType:
    """The run for a rich console."""
    return Constrain(Group(*_parts(run)), WIDEST)


def as_text(run: Run) -> str:
    """The run as plain text, 80 columns wide."""
    return as_lines(renderable(run))


def _parts(run: Run) -> Iterator[RenderableType]:
    yield Text(printable(run_verdict(run)), style="bold")
    yield Text(printable(run_looked_at(run)), style="dim")
    if run.warnings:
        said = ((f"{each.code} at step {each.step:,}", printable(sentence(each.message))) for each in run.warnings)
        yield from section("Warnings", pairs(*said))
    if losses := losses_said(run):
        yield from section("Losses", *map(Text, losses))
    if run.layers:
        yield from section("Layers: the batches against the moving statistics", *_layers(course_rows(run)))


def _layers(rows: list[CourseRow]) -> Iterator[RenderableType]:
    yield _table(rows[:SHOWN_LAYERS])
    if len(rows) > SHOWN_LAYERS:
        yield Text(f"and {counted(len(rows) - SHOWN_LAYERS, 'layer')} with smaller distances.")
    yield Text(
        "Mean shift in standard deviations and log ratio of the variances, root mean square over channels, as measured "
        f"last. Up to {number(SHIFT_THRESHOLD)} and {number(LOG_VARIANCE_THRESHOLD)} they say nothing.",
        style="dim",
    )


def _table(rows: list[CourseRow]) -> Table:
    table = grid("layer", "mean shift", "log ratio", "largest shift", "updates", right=1)
    for row in rows:
        course = row.course
        largest = "–" if row.largest_at is None else f"{number(row.largest)} at {row.largest_at:,}"
        cells = (known(course.shift[-1]), known(course.log_ratio[-1]), largest, known(course.updates))
        table.add_row(*map(Text, (shortened(printable(row.name), _NAME), *cells)))
    return table
