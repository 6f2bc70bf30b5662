"""The findings as a page shows them: with the code that they are about, their numbers, and the check's own page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from steadynorm.checks.catalogue import CATALOGUE
from steadynorm.finding import Finding
from steadynorm.report.frames import frame
from steadynorm.report.html.documents import page_of
from steadynorm.report.model import Report
from steadynorm.report.summary import where
from steadynorm.report.words import folded, number

SHOWN_FINDINGS = 200
"""Findings of one model that are written out."""

SHOWN_VALUES = 8
"""Values of a list, or parts of an object, that are written out."""

_WIDTH = 96


@dataclass(frozen=True, slots=True)
class Cause:
    """One finding.

    Arguments:
        rank: its place in the report, from 1.
        found: the finding.
        name: the check's name.
        where: the layers or the place.
        code: the lines of source code that it is about, marked by a line of `^`.
        numbers: what stands behind the message, by name.
        page: what the check's page says; `None` where it stands with an earlier finding.
    """

    rank: int
    found: Finding
    name: str
    where: str
    code: str
    numbers: tuple[tuple[str, str], ...]
    page: Markup | None


def causes_of(report: Report, explained: frozenset[str] = frozenset()) -> list[Cause]:
    """The findings that are written out, in the order of the report.

    Arguments:
        report: the report.
        explained: codes whose pages stand further up already.
    """
    shown = report.findings[:SHOWN_FINDINGS]
    firsts = {found.code: rank for rank, found in reversed(list(enumerate(shown, 1))) if found.code not in explained}
    return [_cause(rank, found, report, firsts.get(found.code) == rank) for rank, found in enumerate(shown, 1)]


def _cause(rank: int, found: Finding, report: Report, first: bool) -> Cause:
    source = None if found.place is None else report.sources.get(found.place.path)
    lines = () if source is None or found.place is None else frame(source, found.place, _WIDTH)
    return Cause(
        rank,
        found,
        CATALOGUE[found.code].name,
        where(found),
        "\n".join(line.plain for line in lines),
        tuple(_numbers(found.evidence)),
        page_of(found.code) if first else None,
    )


def _numbers(evidence: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    shown = list(evidence.items())[:SHOWN_VALUES] if prefix else list(evidence.items())
    for key, value in shown:
        name = f"{prefix}{str(key).replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{name}: ")
        else:
            yield name, _value(value)
    if len(shown) < len(evidence):
        yield prefix.removesuffix(": "), f"and {len(evidence) - len(shown)} more"


def _value(value: Any) -> str:
    value = value.tolist() if hasattr(value, "tolist") else value
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        # A decay of 0.9997 is another one than 1.
        return number(value) if not 0.9 < value < 1 or not math.isfinite(value) else f"{value:.6g}"
    if isinstance(value, list | tuple):
        return folded([_value(each) for each in value], SHOWN_VALUES) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_value(each)}" for key, each in value.items())
    return str(value)
