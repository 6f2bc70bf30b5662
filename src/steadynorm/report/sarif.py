"""The findings as SARIF 2.1.0 (OASIS), which code scanning reads.

A finding in source code points to its lines and columns and brings its fix along. A model's file is binary, so a
finding points to the file and, in it, to the layer or node by name. Code scanning asks for a line all the same: it is
the first one, as it is for a notebook, whose cells have lines of their own. A finding about a live model points to the
code that builds it; where that is not known, as in a diagnosis that a program asked for, only to the layer, and code
scanning does not take it.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

import steadynorm
from steadynorm.checks.catalogue import CATALOGUE, Entry
from steadynorm.finding import Finding, Severity
from steadynorm.fix import Fix
from steadynorm.place import Shown
from steadynorm.report.json import written
from steadynorm.report.model import Report
from steadynorm.report.result import CheckResult, Unread
from steadynorm.report.words import sentence

VERSION = "2.1.0"
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}

ROOT = "%SRCROOT%"
"""What relative addresses are relative to: the folder where the check ran, by the name that code scanning knows."""

Object: TypeAlias = dict[str, Any]


def to_sarif(result: CheckResult, indent: int | None = 2) -> str:
    """The result of a check as a SARIF log; a diagnosis is one with a single report and no files."""
    codes = sorted({found.code for found in result.findings})
    run = {
        "tool": {
            "driver": {
                "name": "steadynorm",
                "version": steadynorm.__version__,
                "semanticVersion": steadynorm.__version__,
                "rules": [_rule(CATALOGUE[code]) for code in codes],
            }
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": not result.unread,
                "toolExecutionNotifications": [_notification(each) for each in result.unread],
            }
        ],
        "artifacts": list(_artifacts(result.reports)),
        "results": [
            _result(found, report, codes.index(found.code)) for report in result.reports for found in report.findings
        ],
    }
    return written({"$schema": SCHEMA, "version": VERSION, "runs": [run]}, indent)


def address(path: str) -> Object:
    """Where a file is: relative to the folder where the check ran if it lies in it, else as a whole.

    Bytes that are not UTF-8 stay what they are, as `%e9`.
    """
    if "://" in path:
        # What is escaped already, as in an address of the web, stays so; a lone percent sign, as S3 allows, is not.
        return {"uri": re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", quote(path, safe="/:@!$&'()*+,;=-._~%?"))}
    absolute = os.path.abspath(path)
    folder = os.path.join(os.getcwd(), "")
    if absolute.startswith(folder):
        return {"uri": quote(os.fsencode(absolute[len(folder) :].replace(os.sep, "/"))), "uriBaseId": ROOT}
    return {"uri": Path(absolute).as_uri()}


def _rule(entry: Entry) -> Object:
    return {
        "id": entry.code,
        "name": entry.name,
        "shortDescription": {"text": sentence(entry.summary)},
        "fullDescription": {"text": _first_paragraph(entry.page)},
        "help": {"text": entry.page, "markdown": entry.page},
        "defaultConfiguration": {"level": LEVELS[entry.severity]},
    }


def _first_paragraph(page: str) -> str:
    return " ".join(page.split("\n\n")[1].split())


def _result(found: Finding, report: Report, rule: int) -> Object:
    return {
        "ruleId": found.code,
        "ruleIndex": rule,
        "level": LEVELS[found.severity],
        "message": {"text": f"{sentence(found.message)} {sentence(found.remedy)}"},
        "locations": [_location(found, report)],
        "partialFingerprints": {"steadynorm/v1": _fingerprint(found, report)},
        **({"fixes": [_fix(found.fix, report)]} if found.fix and _has_lines(found.fix, report) else {}),
        "properties": {
            "certainty": found.certainty,
            "remedy": found.remedy,
            **({"settle": found.settle} if found.settle else {}),
            "evidence": found.evidence,
        },
    }


def _has_lines(fix: Fix, report: Report) -> bool:
    """Whether a fix is about lines of files; the cells of a notebook have lines of their own."""
    return all(report.sources[each.path].cells is None for each in fix.edits)


def _fix(fix: Fix, report: Report) -> Object:
    changes: dict[str, list[Object]] = {}
    for edit in fix.edits:
        region = _region(report.sources[edit.path].stretch(edit.start, edit.end))
        changes.setdefault(edit.path, []).append({"deletedRegion": region, "insertedContent": {"text": edit.text}})
    return {
        "description": {"text": sentence(fix.description)},
        "artifactChanges": [
            {"artifactLocation": address(path), "replacements": replacements} for path, replacements in changes.items()
        ],
    }


def _region(shown: Shown) -> Object:
    return {
        "startLine": shown.line,
        "startColumn": shown.column,
        "endLine": shown.end_line,
        "endColumn": shown.end_column,
    }


def _location(found: Finding, report: Report) -> Object:
    shown = report.shown(found.place)
    if shown is not None and shown.cell is None:
        return {"physicalLocation": {"artifactLocation": address(shown.path), "region": _region(shown)}}
    if shown is not None:
        name = f"cell {shown.cell}, line {shown.line}"
        return {"physicalLocation": _first_line(shown.path), "logicalLocations": [{"name": name, "kind": "element"}]}
    names = found.layers or (found.location,)
    logical = [{"fullyQualifiedName": name, "name": name.rpartition("/")[2], "kind": "element"} for name in names]
    if report.file is None:
        return {"logicalLocations": logical}
    return {"physicalLocation": _first_line(report.file), "logicalLocations": logical}


def _first_line(path: str) -> Object:
    return {"artifactLocation": address(path), "region": {"startLine": 1}}


def _fingerprint(found: Finding, report: Report) -> str:
    """The same as long as it is the same finding in the same file, though its numbers change from run to run."""
    if found.place is not None and found.place.path in report.sources:
        # The text of the line and not its number, which changes with every edit above it.
        line = report.sources[found.place.path].lines.line(found.place.line)
        parts: tuple[str, ...] = (found.code, address(found.place.path)["uri"], " ".join(line.split()))
    else:
        where = address(report.origin.path)["uri"] if report.origin else report.name
        parts = (found.code, where, *(found.layers or (found.location,)))
    return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()[:32]


def _artifacts(reports: Iterable[Report]) -> Iterator[Object]:
    seen = set()
    for report in reports:
        for path in report.origin.files if report.origin else ():
            if path not in seen:
                seen.add(path)
                yield {"location": address(path)}


def _notification(unread: Unread) -> Object:
    return {
        "level": "error",
        "message": {"text": unread.reason},
        "locations": [{"physicalLocation": _first_line(unread.path)}],
    }
