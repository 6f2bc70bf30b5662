"""Findings for a terminal, the same for every kind of evidence."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from steadynorm.checks.catalogue import CATALOGUE
from steadynorm.finding import Certainty, Effect, Finding
from steadynorm.fix import Fix
from steadynorm.report.frames import frame
from steadynorm.report.layout import WIDTH, pairs
from steadynorm.report.model import Report
from steadynorm.report.styles import STYLES
from steadynorm.report.summary import counts, where
from steadynorm.report.words import closed, counted, number, printable, printable_lines, sentence

_INDENT = 7
"""Columns before a line of code, two of which are the section's."""

SHOWN_FINDINGS = 40
"""Findings of one model that are written out; nobody reads more, and each takes its time."""


def findings(report: Report) -> Iterator[RenderableType]:
    """All findings of a report, each with where it is, what to do, and what that did where it was tried."""
    if not report.checked:
        yield Text("Nothing was assessed, which is no verdict on the model.")
        return
    if not report.findings:
        yield Text(f"None, in {counted(len(report.checked), 'check')}.")
        return
    yield Text(f"{counts(report)}.", style="dim")
    for rank, found in enumerate(report.findings[:SHOWN_FINDINGS], 1):
        yield Text()
        yield from _finding(rank, found, report)
    if len(report.findings) > SHOWN_FINDINGS:
        yield Text()
        more = counted(len(report.findings) - SHOWN_FINDINGS, "more finding")
        yield Text(f"and {more}: --format json has them all", style="dim")


def _finding(rank: int, found: Finding, report: Report) -> Iterator[RenderableType]:
    head = Text(f"{rank}. ")
    head.append(found.severity.value.upper(), style=STYLES[found.severity])
    head.append(f" {found.code} {CATALOGUE[found.code].name}", style="bold")
    head.append(f" ({found.certainty.value})", style="dim")
    yield head
    source = None if found.place is None else report.sources.get(found.place.path)
    rows = [("where", printable(where(found)))]
    if found.effect is not None:
        rows.append(("effect", _effect(found.effect)))
    rows.append(("remedy", printable_lines(sentence(found.remedy))))
    if found.certainty is Certainty.LIKELY and found.settle:
        rows.append(("to settle", printable(sentence(found.settle))))
    if found.fix is not None:
        rows.append(("fix", _fix(found.fix)))
    rows.append(("more", f"steadynorm explain {found.code}"))
    yield Padding(Text(printable(sentence(found.message))), (0, 0, 0, 3))
    if source is not None and found.place is not None:
        for line in frame(source, found.place, WIDTH - _INDENT):
            yield Padding(line, (0, 0, 0, _INDENT - 2))
    yield Padding(pairs(*rows), (0, 0, 0, 3))


def _fix(fix: Fix) -> str:
    return (
        f"{fix.description} (--fix)" if fix.safe else f"{fix.description} (--fix --unsafe-fixes: look at --diff first)"
    )


def _effect(effect: Effect) -> str:
    change = f"{effect.measure} {number(effect.before)} → {number(effect.after)} with {effect.remedy}"
    did = closed(effect.share, effect.before, effect.after)
    return f"{change} ({did})" if did else change
