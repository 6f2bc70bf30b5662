"""Checks of source code, and of what a training leaves behind: files are read, none of the user's code runs."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from steadynorm.artifacts.grouping import Group
from steadynorm.artifacts.places import is_remote
from steadynorm.artifacts.search import UNKNOWN, search
from steadynorm.errors import UnusableInputError
from steadynorm.finding import Finding
from steadynorm.known import without_known
from steadynorm.outcome import Failure, Outcome, Task
from steadynorm.report.model import Report
from steadynorm.report.progress import Progress
from steadynorm.report.result import CheckResult, Hidden, Unread
from steadynorm.selection import codes
from steadynorm.source.baseline import Baseline, read_baseline
from steadynorm.source.reading.search import COPIES, is_copy, is_source, once
from steadynorm.source_check import SourceOutcome, SourceTask, check_sources

StrPath = str | os.PathLike[str]

WORTH_A_PROCESS = 50
"""Models that take longer to check than a process takes to start."""


def check(
    paths: StrPath | Iterable[StrPath],
    *,
    before: StrPath | None = None,
    select: str | Iterable[str] = (),
    ignore: str | Iterable[str] = (),
    exclude: Iterable[str] = (),
    per_file_ignores: Mapping[str, str | Iterable[str]] | None = None,
    root: StrPath = "",
    baseline: StrPath | None = None,
    fix: bool = False,
    unsafe_fixes: bool = False,
    try_fixes: bool = False,
    workers: int = 1,
    progress: bool = True,
) -> CheckResult:
    """Finds out from source code, graphs, checkpoints and exported models what is wrong with the normalization.

    Arguments:
        paths: files, folders, which are searched, or prefixes of checkpoints; `s3://` and the like as well. Python
            files and notebooks are read together, as one project.
        before: an earlier checkpoint of the same model, which each is compared with.
        select: codes or prefixes (`SN1`) to check; all if empty.
        ignore: codes or prefixes to leave out.
        exclude: names and patterns of files and folders that a search leaves out, as `archive` or `runs/*/tmp`.
        per_file_ignores: codes or prefixes to leave out of source files, by patterns of their paths from `root`.
        root: the folder that these patterns begin in; by default the working folder.
        baseline: a file of findings that are known and not reported.
        fix: whether source files are edited, where a safe edit mends what was found; then they are checked anew.
        unsafe_fixes: with `fix`, whether edits are made as well that change what the program does where that may be
            wanted.
        try_fixes: whether fixes are tried on the text first, which takes as long again, and those that mend nothing are
            not offered; `fix` does so in any case.
        workers: most processes that are used where there are many models. A script that asks for more than one needs
            `if __name__ == "__main__":`, since each process imports it.
        progress: whether to show a progress bar on stderr once it takes more than two seconds.

    Returns:
        a `CheckResult`: a report per model and one of all source code, and what could not be read. No file is changed
        unless by `fix`, and nothing in one is ever run. The evidence in a report has its layers without their arrays,
        so that a thousand models fit into memory.

    Raises:
        UnusableInputError: a code is unknown, `before` cannot be read or is not one checkpoint, or `baseline` cannot be
            read.
    """
    chosen, left_out = codes(select), codes(ignore)
    task = Task(None if before is None else os.fspath(before), chosen, left_out)
    if task.before is not None:
        from steadynorm.model_check import earlier

        earlier(task.before)
    known = partial(read_baseline, baseline) if baseline is not None else Baseline
    hidden = known()
    reports: list[Report] = []
    with Progress(progress) as stage:
        stage("searching")
        found = search([paths] if isinstance(paths, str | os.PathLike) else paths, exclude, is_source)
        unread, skipped = dict(found.unread), Counter(found.skipped)
        for index, (group, outcome) in enumerate(_outcomes(task, found.groups, workers)):
            stage(f"checked {group.path}", index + 1, len(found.groups))
            reports += outcome.reports
            for failure in outcome.failures:
                if failure.aside and not group.named:
                    skipped[failure.aside] += 1
                elif not group.certain:
                    skipped[UNKNOWN] += 1
                elif group.named or not _is_gone(group):
                    unread[failure.path] = failure.reason
        if task.before is not None and reports and not any(map(_is_compared, reports)):
            unread[task.before] = (
                f"{task.before}: has no normalization layer in common with what was checked; expected an earlier "
                "checkpoint of the same model"
            )
        stage("reading source code")
        own = {pattern: codes(each) for pattern, each in (per_file_ignores or {}).items()}
        source = _source(
            found.others, SourceTask(chosen, left_out, own, os.fspath(root), fix or try_fixes), known, fix, unsafe_fixes
        )
    skipped += Counter(source.outcome.skipped)
    reports += [source.outcome.report] if source.outcome.report is not None else []
    # A file's name may hold the end of a line.
    lines = [Unread(path, reason.replace("\n", "\\n")) for path, reason in unread.items()]
    lines += [Unread(each.path, each.reason.replace("\n", "\\n")) for each in source.outcome.failures]
    left = Hidden(source.outcome.suppressed, needless=source.outcome.needless)
    result = CheckResult(tuple(reports), tuple(lines), dict(+skipped), left, source.fixed)
    return without_known(result, hidden)


@dataclass(frozen=True, slots=True)
class _Source:
    """What became of the source code: the last check of it, and what was fixed before."""

    outcome: SourceOutcome
    fixed: tuple[Finding, ...] = ()


def _source(
    others: Mapping[str, str | None], task: SourceTask, known: Callable[[], Baseline], fix: bool, unsafe: bool
) -> _Source:
    built = {path for path, top in others.items() if top is not None and is_copy(path, top)}
    paths = once(path for path in others if path not in built)
    copies = {COPIES: len(built)} if built else {}
    if not paths:
        return _Source(SourceOutcome(None, skipped=copies))
    named = frozenset(path for path, top in others.items() if top is None)
    outcome = check_sources(paths, task, named)
    made: tuple[Finding, ...] = ()
    failures: tuple[Failure, ...] = ()
    if fix and outcome.report is not None:
        from steadynorm.fixing import fix_all

        def again() -> SourceOutcome:
            return check_sources(paths, task, named)

        outcome, made, failures = fix_all(outcome, again, known, unsafe)
    skipped = Counter(outcome.skipped) + Counter(copies)
    return _Source(replace(outcome, skipped=skipped, failures=(*outcome.failures, *failures)), made)


def _outcomes(task: Task, groups: Sequence[Group], workers: int) -> Iterator[tuple[Group, Outcome]]:
    if not groups:
        return
    # A check of source code alone needs nothing of what reads models.
    from steadynorm.model_check import check_group

    workers = min(workers, len(groups) // WORTH_A_PROCESS)
    one = partial(check_group, task)
    if workers < 2:
        yield from ((group, one(group)) for group in groups)
        return
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    # Not by fork, which copies the threads of whoever calls in whatever state they are.
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        try:
            yield from zip(groups, pool.map(one, groups, chunksize=8), strict=True)
        except BrokenProcessPool as error:
            raise UnusableInputError(
                "a process that reads files was ended from outside; memory may be short"
            ) from error


def _is_gone(group: Group) -> bool:
    """Whether no file of a group is there any more: a run that goes on while it is searched replaces checkpoints."""
    return not any(is_remote(path) or os.path.lexists(path) for path in group.files)


def _is_compared(report: Report) -> bool:
    stored = report.evidence.stored
    return (
        stored is not None
        and stored.before is not None
        and any(layer.name in stored.before for layer in report.evidence.layers)
    )
