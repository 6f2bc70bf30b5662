"""Fixes tried on the text before anybody is shown them: one whose finding is still there afterwards mends nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from steadynorm.finding import Finding
from steadynorm.fix import Edit
from steadynorm.source.editing.edits import fixed
from steadynorm.source.editing.rewritten import rewritten
from steadynorm.source.reading.files import SourceFile

MOST_TRIALS = 4
"""What mends only together with what mends nothing is found out by another trial. Then none is sure."""


def tried(
    findings: Sequence[Finding],
    files: Sequence[SourceFile],
    again: Callable[[Sequence[SourceFile]], Iterable[Finding] | None],
    unsafe: bool,
) -> tuple[Finding, ...]:
    """The findings without the fixes that leave what they are about as it was.

    Arguments:
        findings: the findings, each with its fix.
        files: all files of the project.
        again: checks other texts of the files, and gives the findings; `None` where it cannot.
        unsafe: whether fixes count that are not safe; else they stay as they are, untried.
    """
    by_path = {file.path: file for file in files}
    for _ in range(MOST_TRIALS):
        wanted = [each for each in findings if each.fix is not None and (each.fix.safe or unsafe)]
        done = fixed(by_path, (each.fix for each in wanted if each.fix is not None))
        if not done.texts:
            return tuple(findings)
        later = again([rewritten(file, done.edits.get(file.path, ())) for file in files])
        if later is None:
            break
        left = {(each.code, each.place.path, each.place.line) for each in later if each.place is not None}
        vain = [each for each in wanted if each.fix in done.made and _moved(each, by_path, done.edits) in left]
        if not vain:
            return tuple(findings)
        findings = [replace(each, fix=None) if each in vain else each for each in findings]
    return tuple(replace(each, fix=None) if each in wanted else each for each in findings)


def _moved(
    found: Finding, files: Mapping[str, SourceFile], edits: Mapping[str, tuple[Edit, ...]]
) -> tuple[str, str, int] | None:
    """What tells a finding from others once the edits are made: its code, its file and its line then."""
    if found.place is None or found.place.path not in files:
        return None
    file, path = files[found.place.path], found.place.path
    start = file.span(found.place)[0]
    added = sum(
        each.text.count("\n") - file.text.count("\n", each.start, each.end)
        for each in edits.get(path, ())
        if each.end <= start
    )
    return found.code, path, found.place.line + added
