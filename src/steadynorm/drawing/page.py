"""A drawing as an HTML page: blocks are opened in it, and it loads nothing."""

from __future__ import annotations

from dataclasses import dataclass

from steadynorm.drawing.drawing import BACKWARD, MISSING, PATH, SHARED, Drawing
from steadynorm.drawing.programs import engine, program
from steadynorm.drawing.sites import Health
from steadynorm.report.html.page import embedded, write_page
from steadynorm.report.model import Report
from steadynorm.report.summary import files_looked_at, looked_at, verdict

MOST_SEEN = 45
"""Things that are seen at first; more are there once a block is opened."""

MARKS = {Health.ERROR: "✕", Health.WARNING: "!", Health.HEALTHY: "✓", Health.UNKNOWN: "?"}


@dataclass(frozen=True, slots=True)
class LayerRow:
    """A layer in the table below the drawing, and the item that shows it."""

    name: str
    health: Health
    codes: tuple[str, ...]
    item: int

    @property
    def mark(self) -> str:
        """One character for its health."""
        return MARKS[self.health]

    @property
    def rank(self) -> int:
        """0 for the worst health."""
        return self.health.rank


def page(drawing: Drawing, report: Report) -> str:
    """The page.

    Arguments:
        drawing: what is drawn.
        report: what was found in it.
    """
    kinds = 0
    for *_, kind in drawing.edges:
        kinds |= kind
    said = verdict(report)
    return write_page(
        "network.html",
        f"{report.name} – steadynorm",
        programs=[engine(), program("static/layout.js"), program("static/page.js")],
        styles=[program(each) for each in ("static/network.css", "static/page.css")],
        verdict=said,
        looked_at=looked_at(report) if report.origin is None else files_looked_at(report),
        command="diagnose" if report.origin is None else "check",
        layers=_rows(drawing),
        findings=report.findings,
        left_out=drawing.left_out,
        has_ways=bool(kinds & PATH),
        has_missing=bool(kinds & MISSING),
        has_backward=bool(kinds & BACKWARD),
        has_shared=bool(kinds & SHARED),
        drawing=embedded(drawing.plain() | {"opened": drawing.opened_for_layers(MOST_SEEN)}),
    )


def _rows(drawing: Drawing) -> list[LayerRow]:
    """One row per layer, the worst first; a layer that is used several times is shown where it is used first."""
    rows: dict[str, LayerRow] = {}
    for at in drawing.sites:
        item = drawing.items[at]
        rows.setdefault(item.layer, LayerRow(item.layer, Health(item.health), item.codes, at))
    return sorted(rows.values(), key=lambda row: row.rank)
