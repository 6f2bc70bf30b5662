"""The check of source code: the files of one project are read, and every check runs over what the program does.

All files of one check are one project, whatever paths they were found by: the layer is built in one and trained by
another. So a check of source has one report, named by the folder that holds all of its files.
"""

from __future__ import annotations

import gc
import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from importlib import import_module
from typing import Any

from steadynorm.checks.registry import run
from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Evidence
from steadynorm.finding import Finding
from steadynorm.fix_trials import tried
from steadynorm.outcome import Failure, rank
from steadynorm.place import Place
from steadynorm.program import Program
from steadynorm.report.model import Origin, Report
from steadynorm.source.fixes.registry import load_fixes, with_fixes
from steadynorm.source.parallel import read_in_two
from steadynorm.source.reader import read
from steadynorm.source.reading.files import SourceFile, read_source
from steadynorm.source.reading.imports import imports
from steadynorm.source.reading.search import root_of
from steadynorm.source.suppression import Suppressions

FORMAT = "source code"

WITHOUT = "source file without the subject"
OTHER = "notebook in another language than Python"

_MOST_KEPT = (1 << 25) - (1 << 13)
"""Bytes of the largest block that glibc learns from, with what it adds to one."""

# The names stand in the pattern, so that nothing is done about the many other imports.
_IMPORTED = re.compile(r"[ \t]*(?:from\s+|import\s+(?:[^#;\n]*,\s*)?)(torch|tensorflow|keras|jax|flax|equinox)\b")


@dataclass(frozen=True, slots=True)
class SourceTask:
    """What is asked of source code.

    Arguments:
        select: codes or prefixes to check; all if empty.
        ignore: codes or prefixes to leave out.
        per_file: codes or prefixes to leave out of the files that a pattern is about.
        root: the folder that the patterns begin in.
        try_fixes: whether fixes are tried on the text first, which checks it again.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_file: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    root: str = ""
    try_fixes: bool = False

    def leaves_out(self, code: str, path: str) -> bool:
        """Whether the settings leave a code out of a file."""
        inside = os.path.relpath(path, self.root or ".").replace(os.sep, "/")
        return any(
            code.startswith(codes) and (fnmatch(inside, pattern) or fnmatch(os.path.basename(path), pattern))
            for pattern, codes in self.per_file.items()
        )


@dataclass(frozen=True, slots=True)
class SourceOutcome:
    """What became of the source files of one check.

    Arguments:
        report: the project's report; `None` where no file is about the subject.
        failures: files, and cells of notebooks, that could not be read.
        skipped: how many files were left aside, by why.
        suppressed: how many findings comments or settings leave out.
        needless: comments that leave out nothing though all checks were made, or name no check, each in one line.
    """

    report: Report | None
    failures: tuple[Failure, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
    suppressed: int = 0
    needless: tuple[str, ...] = ()


def check_sources(paths: Sequence[str], task: SourceTask, named: Collection[str]) -> SourceOutcome:
    """Checks what the source files of a project do. Nothing of them is imported or run.

    Arguments:
        paths: the files.
        task: what is asked.
        named: those that the user named; without any, files without the subject are no report but left aside.
    """
    with _without_collection():
        _keep_freed_memory()
        found, skipped = _read(paths, named)
        program = read_in_two([each for each in found if isinstance(each, SourceFile)], _load_what_follows)
        # What two processes have read can be parsed, and not all of the trees are here.
        files, failures = _sorted_out(found, parse=program is None)
        about = [file for file in files if file.subject]
        if not about and not named:
            return SourceOutcome(None, tuple(failures), skipped)
        outcome = checked(files, task, root_of(paths), program)
        if task.try_fixes:
            outcome = _with_fixes_tried(outcome, files, task)
    return replace(outcome, failures=(*failures, *outcome.failures), skipped=skipped)


def checked(
    files: Sequence[SourceFile], task: SourceTask, unread: str = "source", program: Program | None = None
) -> SourceOutcome:
    """Checks files that were read and can be parsed.

    Arguments:
        files: the files.
        task: what is asked.
        unread: what names the project if there are none.
        program: what the files do, where it is known.
    """
    about = [file for file in files if file.subject]
    shown = tuple(file.path for file in about or files)
    name = root_of(shown) if shown else unread
    origin = Origin(name, shown, FORMAT)
    by_path = {file.path: file for file in files}
    try:
        evidence = Evidence(_framework(about), (), program=program or read(files))
        findings, not_assessed = run(evidence, task.select, task.ignore)
        fixable = list(with_fixes(findings, by_path))
    except Exception as error:
        # A mistake of ours over the source must not cost the reports on the models beside it.
        what = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        return SourceOutcome(
            None, (Failure(name, f"{name}: stopped by {what}; this is a mistake in steadynorm, report it"),)
        )
    comments = {file.path: Suppressions(file) for file in about}
    kept = tuple(_located(each, by_path) for each in fixable if not _is_hidden(each, task, comments))
    ordered = tuple(sorted(kept, key=rank))
    report = Report(
        name.replace("\n", "\\n"),
        evidence,
        ordered,
        tuple(not_assessed),
        task.select,
        task.ignore,
        origin,
        sources=_needed(ordered, by_path),
    )
    needless = tuple(_needless(comments.values(), by_path, not task.select and not task.ignore))
    return SourceOutcome(report, suppressed=len(fixable) - len(kept), needless=needless)


def _with_fixes_tried(outcome: SourceOutcome, files: Sequence[SourceFile], task: SourceTask) -> SourceOutcome:
    """The outcome with those fixes only that mend something: the safe ones by themselves, and then all together."""
    report = outcome.report
    if report is None:
        return outcome
    findings = report.findings
    for unsafe in sorted({not each.fix.safe for each in findings if each.fix is not None}):
        findings = tried(findings, files, lambda others: _findings(others, task), unsafe)
    return replace(outcome, report=replace(report, findings=findings))


def _findings(files: Sequence[SourceFile], task: SourceTask) -> tuple[Finding, ...] | None:
    report = checked(files, task).report
    return None if report is None else report.findings


def _read(paths: Iterable[str], named: Collection[str]) -> tuple[list[SourceFile | Failure], Counter[str]]:
    """The files that could be read and the failures of the others, in the order of the paths; how many were skipped."""
    found: list[SourceFile | Failure] = []
    skipped: Counter[str] = Counter()
    for path in paths:
        try:
            file = read_source(path, path in named)
        except UnusableInputError as error:
            found.append(Failure.of(path, error))
            continue
        if file is None:
            skipped[OTHER] += 1
            continue
        skipped[WITHOUT] += not file.subject
        found.append(file)
    return found, +skipped


def _load_what_follows() -> None:
    """Imports what most reports on a large project need in the end: fixes, and what shows it."""
    load_fixes()
    import_module("steadynorm.report.files")


def _sorted_out(found: Iterable[SourceFile | Failure], parse: bool) -> tuple[list[SourceFile], list[Failure]]:
    """The files that can be parsed, and what is wrong with the others."""
    files: list[SourceFile] = []
    failures: list[Failure] = []
    for each in found:
        if isinstance(each, Failure):
            failures.append(each)
            continue
        try:
            if parse and each.subject:
                each.tree  # noqa: B018  # parsed here, where what is wrong with it can be told
        except UnusableInputError as error:
            failures.append(Failure.of(each.path, error))
            continue
        files.append(each)
        failures += (Failure(each.path, reason) for reason in each.refused)
    return files, failures


@contextmanager
def _without_collection() -> Iterator[None]:
    """Without the garbage collector, which would look through a million nodes of syntax trees over and over: four times
    the time of parsing them. Nothing of them is garbage before the end."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _keep_freed_memory() -> None:
    """Has the C library keep what is freed. Python's parser takes megabytes for each file and gives them back after it,
    which the system would take from this process and clear for it again, file by file. Of a block that was mapped by
    itself and is freed, glibc learns how much to keep (mallopt(3), M_MMAP_THRESHOLD); others do as they did. Bytes come
    zeroed from the system, so that no page of the block is ever touched; a bytearray would be cleared page by page."""
    bytes(_MOST_KEPT)


def _framework(files: Iterable[SourceFile]) -> str:
    found = Counter(
        {"flax": "jax", "equinox": "jax"}.get(found[1], found[1])
        for file in files
        for found in imports(_IMPORTED, file.text)
    )
    return ", ".join(name for name, _ in found.most_common()) or "python"


def _is_hidden(found: Finding, task: SourceTask, comments: Mapping[str, Suppressions]) -> bool:
    if found.place is None:
        return False
    own = comments.get(found.place.path)
    return task.leaves_out(found.code, found.place.path) or (own is not None and own.hide(found.code, found.place))


def _located(found: Finding, files: Mapping[str, SourceFile]) -> Finding:
    """The finding with its places as a reader counts, which in a notebook is by cells."""
    if found.place is None or found.place.path not in files:
        return found
    books = {path: file for path, file in files.items() if file.cells is not None}
    evidence = {name: _by_cells(value, books) for name, value in found.evidence.items()}
    message, remedy, settle = (_by_cells(text, books) for text in (found.message, found.remedy, found.settle))
    location = str(files[found.place.path].shown(found.place))
    return replace(found, location=location, message=message, remedy=remedy, settle=settle, evidence=evidence)


def _by_cells(value: Any, books: Mapping[str, SourceFile]) -> Any:
    """A text that names places, as `a.ipynb:12`, with those in notebooks told by their cells; or a list of such."""
    if isinstance(value, list | tuple):
        return [_by_cells(each, books) for each in value]
    if isinstance(value, str):
        for path, file in books.items():
            head, *rest = value.split(f"{path}:")
            value = head + "".join(_told(file, each) for each in rest)
    return value


def _told(file: SourceFile, rest: str) -> str:
    """A place in a notebook by its cell, and what follows it, given the number of its line and what follows that."""
    number = re.match(r"\d+", rest)
    if number is None:
        return f"{file.path}:{rest}"
    return f"{file.shown(Place(file.path, int(number[0])))}{rest[number.end() :]}"


def _needed(findings: Iterable[Finding], files: Mapping[str, SourceFile]) -> dict[str, SourceFile]:
    """The files that a report shows lines of, without their syntax trees, which are larger than all the rest."""
    paths = {found.place.path for found in findings if found.place is not None}
    paths |= {edit.path for found in findings if found.fix is not None for edit in found.fix.edits}
    return {path: replace(file) for path, file in files.items() if path in paths}


def _needless(comments: Iterable[Suppressions], files: Mapping[str, SourceFile], all_checks: bool) -> Iterator[str]:
    for each in comments:
        for comment in each.needless() if all_checks else ():
            yield f"{files[comment.place.path].shown(comment.place)}: this comment leaves out nothing"
        for comment in each.comments.values():
            for code in comment.unknown:
                yield f"{files[comment.place.path].shown(comment.place)}: there is no check {code!r}"
