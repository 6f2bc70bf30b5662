"""The demonstration's table: symptom, diagnosis, repair and result, one row per mistake, within 80 columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from steadynorm.checks.catalogue import CATALOGUE
from steadynorm.finding import Finding
from steadynorm.torch.demo.data import Digits

WIDTH = 80


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Arguments:
        title: the mistake.
        training: accuracy in training.
        inference: accuracy in inference, with the mistake.
        found: the finding that the diagnosis ranks first, `None` if it found nothing.
        remedy: the repair, in a few words.
        repaired: accuracy in inference after it, `None` where there was nothing to repair.
    """

    title: str
    training: float
    inference: float
    found: Finding | None
    remedy: str
    repaired: float | None


def table(rows: Sequence[Row]) -> RenderableType:
    """The rows as a table of at most 80 columns, as readable without colour."""
    grid = Table(box=None, pad_edge=False, padding=(0, 0, 1, 2), header_style="bold")
    grid.add_column("mistake", max_width=WIDTH - 31)
    for heading in ("training", "inference", "repaired"):
        grid.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        repaired = "" if row.repaired is None else f"{row.repaired:.3f}"
        good, bad = "green", "red" if row.found else "green"
        numbers = Text(f"{row.training:.3f}"), Text(f"{row.inference:.3f}", style=bad), Text(repaired, style=good)
        grid.add_row(_story(row), *numbers)
    return grid


def note(digits: Digits) -> RenderableType:
    """How the numbers were taken, and where to read on."""
    count = sum(len(labels) for _, labels in digits.validation)
    text = (
        f"Accuracy: in training over the last epoch, as a log shows it; in inference on {count} held-out images, as "
        "the evaluation of each row measures it; repaired on the same images. The diagnosis is the finding that "
        "steadynorm.diagnose ranks first. Read on with: steadynorm explain SN101"
    )
    return Text(text, style="dim")


def _story(row: Row) -> Text:
    title = (row.title, "bold")
    if row.found is None:
        return Text.assemble(title, "\n  found   nothing")
    found = f"{row.found.code} {CATALOGUE[row.found.code].name}"
    return Text.assemble(title, f"\n  found   {found}\n  repair  {row.remedy}")
