"""The findings as workflow commands, which GitHub Actions turns into annotations."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.checks.catalogue import CATALOGUE
from steadynorm.finding import Severity
from steadynorm.place import Shown
from steadynorm.report.result import CheckResult
from steadynorm.report.summary import where
from steadynorm.report.words import printable_lines, sentence

COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def to_github(result: CheckResult) -> str:
    """One command per finding and per file that could not be read, each in a line."""
    return "\n".join(_commands(result))


def _commands(result: CheckResult) -> Iterator[str]:
    for report in result.reports:
        for found in report.findings:
            shown = report.shown(found.place)
            place = where(found) if found.place is not None else f"{report.name}: {where(found)}"
            yield _command(
                COMMANDS[found.severity],
                report.file if shown is None else shown.path,
                f"{found.code} {CATALOGUE[found.code].name}",
                f"{place}: {sentence(found.message)}\n{sentence(found.remedy)}",
                shown,
            )
    for unread in result.unread:
        yield _command("error", unread.path, "steadynorm could not read it", unread.reason)


def _command(command: str, path: str | None, title: str, message: str, shown: Shown | None = None) -> str:
    file = f"file={_property(path)}," if path is not None else ""
    if shown is not None and shown.cell is None:
        # GitHub takes columns for what stands in one line only.
        columns = f"col={shown.column},endColumn={shown.end_column}," if shown.line == shown.end_line else ""
        file += f"line={shown.line},endLine={shown.end_line},{columns}"
    return f"::{command} {file}title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    """The text as GitHub's runner reads it back, where only percent signs and the ends of lines mean something."""
    return printable_lines(text).replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
