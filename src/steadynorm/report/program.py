"""The report on source code for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from steadynorm.report.findings import findings
from steadynorm.report.layout import section
from steadynorm.report.model import Report
from steadynorm.report.summary import made, reasons, verdict
from steadynorm.report.words import counted, listed, printable

SHOWN_CODES = 4


def parts(report: Report) -> Iterator[RenderableType]:
    """All that is shown of a report on source code."""
    yield Text(printable(verdict(report)), style="bold")
    if report.is_empty:
        return
    yield Text(looked_at(report), style="dim")
    yield from section("Findings", *findings(report))
    if report.not_assessed:
        yield from section("Not assessed", *_not_assessed(report))


def looked_at(report: Report) -> str:
    """What a check of source code rests on, in two sentences."""
    program = report.evidence.program
    paths = report.origin.files if report.origin is not None else ()
    kinds = Counter("notebook" if path.endswith(".ipynb") else "Python file" for path in paths)
    files = listed([counted(count, kind) for kind, count in kinds.items()])
    places = counted(0 if program is None else program.normalizations, "place that normalizes", "places that normalize")
    return f"{files} ({report.evidence.framework}), {places}. {made(report)}"


def _not_assessed(report: Report) -> Iterator[RenderableType]:
    for reason, codes in reasons(report).items():
        which = ", ".join(codes) if len(codes) <= SHOWN_CODES else counted(len(codes), "check")
        yield Text(f"{reason} ({which})", style="dim")
