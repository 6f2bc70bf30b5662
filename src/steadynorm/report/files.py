"""The result of a check of files for a terminal: complete at 80 columns, and without colour."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.table import Table
from rich.text import Text

from steadynorm.report import program
from steadynorm.report.findings import findings
from steadynorm.report.layers import UNKNOWN, LayerStatus, layer_statuses
from steadynorm.report.layout import WIDTH, as_lines, grid, section
from steadynorm.report.model import Report
from steadynorm.report.result import CheckResult
from steadynorm.report.styles import WIDEST
from steadynorm.report.summary import (
    danger_said,
    files_looked_at,
    fixed_said,
    gone_said,
    not_reported_said,
    reasons,
    result_verdict,
    verdict,
    what_it_is,
)
from steadynorm.report.words import counted, listed, printable, shortened

SHOWN_LAYERS = 12
"""Rows of the table of layers; a smaller model is shown whole."""

SHOWN_MODELS = 12
"""Models without findings that are named, where there are several models."""

SHOWN_CODES = 4
"""Codes that were not assessed for one reason and are named; of more the number says as much."""

SHOWN_FINDINGS = 2
"""Codes in one row of the table."""

LEAST_NAME = 16
"""Characters that a layer's name keeps, whatever else is in its row."""


def renderable(result: CheckResult) -> RenderableType:
    """The result for a rich console."""
    return Constrain(Group(*_parts(result)), WIDEST)


def as_text(result: CheckResult) -> str:
    """The result as plain text, 80 columns wide."""
    return as_lines(renderable(result))


def _parts(result: CheckResult) -> Iterator[RenderableType]:
    models = [report for report in result.reports if not report.is_empty]
    if len(result.reports) == 1:
        yield from _model(result.reports[0])
    else:
        yield from _models(result, models)
    yield from _left_out(result)
    if result.unread:
        lines = (Text(printable(each.reason)) for each in result.unread)
        yield from section("Could not be read", *lines)
    if result.skipped:
        skipped = [f"{reason} ({count})" for reason, count in result.skipped.items()]
        yield Text()
        yield Text(f"Left aside: {'; '.join(skipped)}.", style="dim")


def _left_out(result: CheckResult) -> Iterator[RenderableType]:
    """What was fixed, and what is known and therefore not reported."""
    hidden = result.hidden
    if result.fixed:
        yield Text()
        yield Text(fixed_said(result))
    if known := not_reported_said(result):
        yield Text()
        yield Text(known, style="dim")
    if hidden.gone:
        yield Text(gone_said(result), style="dim")
    if hidden.needless:
        lines = (Text(printable(each)) for each in hidden.needless[:SHOWN_MODELS])
        more = len(hidden.needless) - SHOWN_MODELS
        yield from section("Comments", *lines, *([Text(f"and {more} more", style="dim")] if more > 0 else []))


def _models(result: CheckResult, models: list[Report]) -> Iterator[RenderableType]:
    yield Text(result_verdict(result), style="bold")
    for report in models:
        if report.findings:
            yield Text()
            yield from _model(report)
    clean = [f"{report.name} ({what_it_is(report)})" for report in models if report.checked and not report.findings]
    unassessed = [f"{report.name} ({what_it_is(report)})" for report in models if not report.checked]
    told = [
        f"{report.name}: {danger_said(report.origin)}"
        for report in result.reports
        if report.origin and _is_told(report)
    ]
    if told:
        yield from section("Code in files", *_named(told))
    if clean:
        yield from section("Nothing found in", *_named(clean))
    if unassessed:
        yield from section("Nothing assessed in", *_named(unassessed))
    without = [report.name for report in result.reports if report.is_empty]
    if without:
        yield from section("Without normalization layers", *_named(without))


def _is_told(report: Report) -> bool:
    """Whether a report that is not written out has something in it that must be said."""
    return report.origin is not None and bool(report.origin.code) and not report.findings


def _named(names: list[str]) -> Iterator[RenderableType]:
    for name in names[:SHOWN_MODELS]:
        yield Text(printable(name))
    if len(names) > SHOWN_MODELS:
        yield Text(f"and {len(names) - SHOWN_MODELS} more", style="dim")


def _model(report: Report) -> Iterator[RenderableType]:
    if report.is_source:
        yield from program.parts(report)
        return
    yield Text(printable(verdict(report)), style="bold")
    if report.origin is not None and report.origin.code:
        yield Text(printable(danger_said(report.origin)))
    if report.is_empty:
        return
    yield Text(printable(files_looked_at(report)), style="dim")
    if report.evidence.layers:
        yield from section("Layers", *_layers(layer_statuses(report)))
    yield from section("Findings", *findings(report))
    if report.not_assessed:
        yield from section("Not assessed", *_not_assessed(report))


def _layers(rows: list[LayerStatus]) -> Iterator[RenderableType]:
    found = sum(bool(row.codes) for row in rows)
    shown = rows if len(rows) <= SHOWN_LAYERS else rows[: min(found, SHOWN_LAYERS)]
    if shown:
        yield _table(shown)
    rest = rows[len(shown) :]
    if rest:
        with_findings = found - len(shown) if found > len(shown) else 0
        parts = [counted(with_findings, "more layer") + " with findings"] * bool(with_findings)
        clean = len(rest) - with_findings
        parts += [f"{counted(clean, 'layer')} without findings{_alike(rest[with_findings:])}"] * bool(clean)
        yield Text(f"{'and ' * bool(shown)}{listed(parts)}", style="dim")


def _alike(rows: list[LayerStatus]) -> str:
    """What holds for all of the rows, in brackets."""
    columns = {
        "mode": {row.mode for row in rows},
        "updates": {row.updates for row in rows},
        "saved": {row.saved for row in rows},
        "moved": {row.moved for row in rows},
    }
    alike = [
        f"{name} {next(iter(words))}" for name, words in columns.items() if len(words) == 1 and UNKNOWN not in words
    ]
    return f" ({', '.join(alike)})" if alike else ""


def _table(rows: list[LayerStatus]) -> Table:
    cells = [(row.mode, row.updates, row.saved, row.moved, _codes(row)) for row in rows]
    columns = dict(zip(("mode", "updates", "saved", "moved", "finding"), zip(*cells, strict=True), strict=True))
    # A column of which the files say nothing would only take room from the names.
    columns = {heading: words for heading, words in columns.items() if any(word != UNKNOWN for word in words)}
    taken = sum(max(map(len, (heading, *words))) + 2 for heading, words in columns.items())
    names = [printable(row.name or "the model itself") for row in rows]
    table = grid("layer", *columns)
    for name, *words in zip(names, *columns.values(), strict=True):
        table.add_row(*map(Text, (shortened(name, max(LEAST_NAME, WIDTH - 2 - taken)), *words)))
    return table


def _codes(row: LayerStatus) -> str:
    more = len(row.codes) - SHOWN_FINDINGS
    shown = [*row.codes[:SHOWN_FINDINGS], *([f"+{more}"] if more > 0 else [])]
    return " ".join(shown) or UNKNOWN


def _not_assessed(report: Report) -> Iterator[RenderableType]:
    for reason, codes in reasons(report).items():
        which = ", ".join(codes) if len(codes) <= SHOWN_CODES else counted(len(codes), "check")
        yield Text(f"{reason} ({which})", style="dim")
