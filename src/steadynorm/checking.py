"""Checks of what a training leaves behind: files are read, none of the user's code runs."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from functools import partial

from steadynorm.artifacts import formats
from steadynorm.artifacts.assembly import Assembled, assemble
from steadynorm.artifacts.contents import Contents
from steadynorm.artifacts.grouping import Group
from steadynorm.artifacts.places import is_remote
from steadynorm.artifacts.search import UNKNOWN, search
from steadynorm.checks.registry import run
from steadynorm.errors import UnusableInputError
from steadynorm.finding import Certainty, Finding
from steadynorm.report.model import Origin, Report
from steadynorm.report.progress import Progress
from steadynorm.report.result import CheckResult, Unread
from steadynorm.report.words import counted, folded
from steadynorm.selection import codes

StrPath = str | os.PathLike[str]


def check(
    paths: StrPath | Iterable[StrPath],
    *,
    before: StrPath | None = None,
    select: str | Iterable[str] = (),
    ignore: str | Iterable[str] = (),
    exclude: Iterable[str] = (),
    progress: bool = True,
) -> CheckResult:
    """Finds out from graphs, checkpoints and exported models what is wrong with a model's normalization.

    Arguments:
        paths: files, folders, which are searched, or prefixes of checkpoints; `s3://` and the like as well.
        before: an earlier checkpoint of the same model, which each is compared with.
        select: codes or prefixes (`SN1`) to check; all if empty.
        ignore: codes or prefixes to leave out.
        exclude: names and patterns of files and folders that a search leaves out, as `archive` or `runs/*/tmp`.
        progress: whether to show a progress bar on stderr once it takes more than two seconds.

    Returns:
        a `CheckResult`: a report per model, and what could not be read. No file is ever changed, and nothing in one
        is ever run.

    Raises:
        UnusableInputError: a code is unknown, or `before` cannot be read or is not one checkpoint.
    """
    chosen, left_out = (codes([each] if isinstance(each, str) else each) for each in (select, ignore))
    earlier = None if before is None else _earlier(os.fspath(before))
    found = search([paths] if isinstance(paths, str | os.PathLike) else paths, exclude)
    unread, skipped, reports = dict(found.unread), Counter(found.skipped), []
    with Progress(progress) as stage:
        for index, group in enumerate(found.groups):
            stage(f"reading {group.path}", index, len(found.groups))
            try:
                models = list(assemble(group, earlier, partial(_failed, group, unread, skipped)))
                reports += [_report(model, chosen, left_out) for model in models]
            except UnusableInputError as error:
                _failed(group, unread, skipped, group.path, str(error))
    if before is not None and reports and not any(map(_is_compared, reports)):
        unread[os.fspath(before)] = (
            f"{os.fspath(before)}: has no normalization layer in common with what was checked; expected an earlier "
            "checkpoint of the same model"
        )
    return CheckResult(tuple(reports), tuple(Unread(*each) for each in unread.items()), dict(skipped))


def _is_compared(report: Report) -> bool:
    stored = report.evidence.stored
    return (
        stored is not None
        and stored.before is not None
        and any(layer.name in stored.before for layer in report.evidence.layers)
    )


def _failed(group: Group, unread: dict[str, str], skipped: Counter[str], path: str, reason: str) -> None:
    if not group.certain:
        skipped[UNKNOWN] += 1
    # A run that goes on while it is searched replaces its checkpoints.
    elif group.named or is_remote(path) or os.path.lexists(path):
        unread[path] = reason


def _report(model: Assembled, select: tuple[str, ...], ignore: tuple[str, ...]) -> Report:
    origin = Origin(model.path, model.files, model.format)
    if not model.evidence.layers:
        return Report.nothing_to_check(model.path, model.evidence.framework, origin)
    findings, not_assessed = run(model.evidence, select, ignore)
    ranked = tuple(sorted(findings, key=_rank))
    return Report(model.path, model.evidence, ranked, tuple(not_assessed), select, ignore, origin)


def _rank(found: Finding) -> tuple[int, bool]:
    """The worst first, and of those what is proven; else the order of the catalogue."""
    return -found.severity.rank, found.certainty is not Certainty.PROVEN


def _earlier(path: str) -> Contents:
    found = search([path])
    groups = [group for group in found.groups if group.checkpoints]
    if found.unread and len(groups) < 2:
        raise UnusableInputError(next(iter(found.unread.values())))
    if len(groups) != 1 or len(groups[0].checkpoints) != 1:
        names = [name for group in groups for name in group.checkpoints]
        holds = f"{counted(len(names), 'checkpoint')} ({folded(names)})" if names else "no checkpoint"
        raise UnusableInputError(f"{path}: holds {holds}; expected one, to compare with: name it")
    return formats.read(groups[0].checkpoints[0])
