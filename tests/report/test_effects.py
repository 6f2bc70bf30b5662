"""Remedies that helped stand first; of the others it is said that they brought no gain."""

from __future__ import annotations

from dataclasses import replace

import pytest

from steadynorm import Certainty, Finding, Report, Severity
from steadynorm.evidence import Score, Trial
from steadynorm.finding import Effect
from steadynorm.ranking import rank
from steadynorm.report.html.diagnosis import report_page
from steadynorm.report.terminal import as_text
from steadynorm.report.words import closed

HELPED = Effect("re-estimated statistics", "metric", 0.31, 0.97, 1.0)
USELESS = Effect("re-estimated statistics", "metric", 0.31, 0.3101, 0.0)


@pytest.mark.parametrize(
    ("share", "before", "after", "expected"),
    [
        (0.71, 0.31, 0.781, "71 % of the gap"),
        (0.002, 0.31, 0.311, "under 1 % of the gap"),
        (0.0, 0.31, 0.31, "no gain"),
        (0.0, 0.31, 0.2, "no gain"),  # it made things worse, as the numbers beside it show
        (None, 0.97, 0.9701, "no gain"),
        (None, 0.97, 0.92, ""),
        (None, None, 0.92, ""),
    ],
)
def test_what_a_remedy_did(share: float | None, before: float | None, after: float | None, expected: str) -> None:
    assert closed(share, before, after) == expected


def with_effect(report: Report, effect: Effect) -> Report:
    first, *others = report.findings
    return replace(report, findings=(replace(first, effect=effect), *others))


@pytest.mark.parametrize(("effect", "is_useless"), [(HELPED, False), (USELESS, True)], ids=["helped", "useless"])
def test_an_effect_of_nothing_is_called_none(long_report: Report, effect: Effect, is_useless: bool) -> None:
    report = with_effect(long_report, effect)

    assert ("with re-estimated statistics (no gain)" in " ".join(as_text(report).split())) is is_useless
    assert ("no gain" in report_page(report)) is is_useless


def test_remedies_that_helped_stand_first(long_report: Report) -> None:
    gap = Score(2.05, 0.31)
    names = ("useless", "some", "best")
    tried = [Trial("recalibrate", (name,), gap, gap, share) for name, share in zip(names, (0.0, 0.4, 0.9), strict=True)]
    report = replace(long_report, evidence=replace(long_report.evidence, trials=tuple(tried)))

    rows = as_text(report).split("Remedies tried on a copy")[1].split("Not assessed")[0].splitlines()

    assert [name for row in rows for name in names if f" {name} " in row] == ["best", "some", "useless"]
    assert [row.split()[-2:] for row in rows if " useless " in row] == [["no", "gain"]]


def found(code: str, severity: Severity, effect: Effect | None = None) -> Finding:
    return Finding(code, severity, Certainty.PROVEN, "model", "m", "r", effect=effect)


def test_findings_whose_remedy_did_nothing_stand_behind_others_as_severe() -> None:
    useless, untried = found("SN104", Severity.ERROR, USELESS), found("SN201", Severity.ERROR)
    helped, warning = found("SN509", Severity.INFO, HELPED), found("SN505", Severity.WARNING)

    assert [each.code for each in rank([useless, warning, untried, helped])] == ["SN509", "SN201", "SN104", "SN505"]
