"""Fixes of what a check of source code found: shown as a difference, or made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from steadynorm.errors import UnusableInputError
from steadynorm.finding import Finding
from steadynorm.known import told_by
from steadynorm.outcome import Failure
from steadynorm.report.model import Report
from steadynorm.source.baseline import Baseline
from steadynorm.source.editing.edits import NO_END, Fixed, compared, diff, fixed
from steadynorm.source.editing.rewritten import rewritten
from steadynorm.source.editing.saving import prepared, save
from steadynorm.source.reading.files import SourceFile
from steadynorm.source_check import SourceOutcome

MOST_ROUNDS = 10
"""A fix may make room for one that overlapped it. After so many rounds one fix undoes what another does."""


def difference(reports: Iterable[Report], unsafe: bool) -> str:
    """What fixing would change, as one text that `patch` takes; empty if nothing.

    A notebook is JSON, of which nobody can read the difference: of each of its cells the code is compared, to be read.
    """
    parts: list[str] = []
    for report in reports:
        found = _chosen(report.findings, unsafe, report)
        for path, text in sorted(found.texts.items()):
            file = report.sources[path]
            parts += [diff(file, text)] if file.cells is None else _by_cell(file, rewritten(file, found.edits[path]))
    return "".join(parts)


def _by_cell(before: SourceFile, after: SourceFile) -> Iterator[str]:
    """The differences between the cells of a notebook."""
    for one, other in zip(before.cells or (), after.cells or (), strict=True):
        old, new = (file.text[cell.start : cell.start + cell.length] for file, cell in ((before, one), (after, other)))
        yield compared(f"{before.path}:cell {one.number}", old, new).replace(NO_END, "")


def fix_all(
    first: SourceOutcome, again: Callable[[], SourceOutcome], known: Callable[[], Baseline], unsafe: bool
) -> tuple[SourceOutcome, tuple[Finding, ...], tuple[Failure, ...]]:
    """Makes the fixes of a report, and those of the reports that follow, until none is left.

    Arguments:
        first: the check of source code.
        again: checks anew.
        known: the baseline, whose findings are left as they are.
        unsafe: whether fixes are made that are not safe.

    Returns:
        the last check, what was fixed, and the files that could not be written.
    """
    outcome, made, failures = first, list[Finding](), dict[str, Failure]()
    for _ in range(MOST_ROUNDS):
        report = outcome.report
        if report is None:
            break
        baseline = known()
        wanted = [
            each
            for each in report.findings
            if not baseline.hide(*told_by(each, report)) and not _is_about(each, failures)
        ]
        found = _chosen(wanted, unsafe, report)
        # All of them before any is written, so that a fix of two files is made in both.
        data, refused = _prepared(found, report)
        failures.update(refused)
        if refused:
            continue
        written = set()
        for path in data:
            try:
                save(report.sources[path], data[path])
                written.add(path)
            except UnusableInputError as error:
                failures[path] = Failure.of(path, error)
        if not written:
            break
        made += (each for each in wanted if each.fix in found.made and _is_about(each, written))
        outcome = again()
    return outcome, tuple(made), tuple(failures.values())


def _prepared(found: Fixed, report: Report) -> tuple[dict[str, bytes], dict[str, Failure]]:
    """The new bytes of each file, and the files that cannot be edited."""
    data: dict[str, bytes] = {}
    refused: dict[str, Failure] = {}
    for path, edits in found.edits.items():
        try:
            data[path] = prepared(report.sources[path], edits)
        except UnusableInputError as error:
            refused[path] = Failure.of(path, error)
    return data, refused


def _chosen(findings: Iterable[Finding], unsafe: bool, report: Report) -> Fixed:
    fixes = [each.fix for each in findings if each.fix is not None and (each.fix.safe or unsafe)]
    return fixed(report.sources, fixes)


def _is_about(found: Finding, paths: Iterable[str]) -> bool:
    return found.fix is not None and any(edit.path in paths for edit in found.fix.edits)
