"""Findings against a baseline, whatever kind of evidence they are about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from steadynorm.finding import Finding
from steadynorm.report.model import Report
from steadynorm.report.result import CheckResult
from steadynorm.source.baseline import Baseline


def without_known(result: CheckResult, baseline: Baseline) -> CheckResult:
    """The result without the findings of a baseline, which says how many these are."""
    reports = []
    hidden = 0
    for report in result.reports:
        kept = tuple(found for found in report.findings if not baseline.hide(*told_by(found, report)))
        hidden += len(report.findings) - len(kept)
        reports.append(replace(report, findings=kept))
    counted = replace(result.hidden, known=hidden, gone=baseline.gone)
    return replace(result, reports=tuple(reports), hidden=counted)


def all_told(reports: Iterable[Report]) -> list[tuple[str, str, str]]:
    """What a baseline of the reports has in it."""
    return [told_by(found, report) for report in reports for found in report.findings]


def told_by(found: Finding, report: Report) -> tuple[str, str, str]:
    """File, code and text that a finding is told by in another run: its line in source code, else its layers."""
    source = None if found.place is None else report.sources.get(found.place.path)
    if source is not None and found.place is not None:
        return source.path, found.code, source.lines.line(found.place.line)
    path = report.origin.path if report.origin is not None else report.name
    return path, found.code, ", ".join(found.layers) or found.location
