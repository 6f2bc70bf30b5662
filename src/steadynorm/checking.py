"""Checks of what a training leaves behind: files are read, none of the user's code runs."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context

from steadynorm.artifacts.grouping import Group
from steadynorm.artifacts.places import is_remote
from steadynorm.artifacts.search import UNKNOWN, search
from steadynorm.errors import UnusableInputError
from steadynorm.model_check import Outcome, Task, check_group, earlier
from steadynorm.report.model import Report
from steadynorm.report.progress import Progress
from steadynorm.report.result import CheckResult, Unread
from steadynorm.selection import codes

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
    workers: int = 1,
    progress: bool = True,
) -> CheckResult:
    """Finds out from graphs, checkpoints and exported models what is wrong with a model's normalization.

    Arguments:
        paths: files, folders, which are searched, or prefixes of checkpoints; `s3://` and the like as well.
        before: an earlier checkpoint of the same model, which each is compared with.
        select: codes or prefixes (`SN1`) to check; all if empty.
        ignore: codes or prefixes to leave out.
        exclude: names and patterns of files and folders that a search leaves out, as `archive` or `runs/*/tmp`.
        workers: most processes that are used where there are many models. A script that asks for more than one needs
            `if __name__ == "__main__":`, since each process imports it.
        progress: whether to show a progress bar on stderr once it takes more than two seconds.

    Returns:
        a `CheckResult`: a report per model, and what could not be read. No file is ever changed, and nothing in one
        is ever run. The evidence in a report has its layers without their arrays, so that a thousand models fit into
        memory.

    Raises:
        UnusableInputError: a code is unknown, or `before` cannot be read or is not one checkpoint.
    """
    chosen, left_out = (codes([each] if isinstance(each, str) else each) for each in (select, ignore))
    task = Task(None if before is None else os.fspath(before), chosen, left_out)
    if task.before is not None:
        earlier(task.before)
    reports: list[Report] = []
    with Progress(progress) as stage:
        stage("searching")
        found = search([paths] if isinstance(paths, str | os.PathLike) else paths, exclude)
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
    # A file's name may hold the end of a line.
    lines = (Unread(path, reason.replace("\n", "\\n")) for path, reason in unread.items())
    return CheckResult(tuple(reports), tuple(lines), dict(skipped))


def _outcomes(task: Task, groups: Sequence[Group], workers: int) -> Iterator[tuple[Group, Outcome]]:
    workers = min(workers, len(groups) // WORTH_A_PROCESS)
    one = partial(check_group, task)
    if workers < 2:
        yield from ((group, one(group)) for group in groups)
        return
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
