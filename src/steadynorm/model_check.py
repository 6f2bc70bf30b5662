"""The check of one model: its files are read, and every check runs over what they say."""

from __future__ import annotations

from functools import cache

from steadynorm.artifacts import formats
from steadynorm.artifacts.assembly import Assembled, assemble
from steadynorm.artifacts.contents import Contents
from steadynorm.artifacts.grouping import Group
from steadynorm.artifacts.layers import layers_of
from steadynorm.artifacts.search import search
from steadynorm.checks.registry import run
from steadynorm.condensing import condensed
from steadynorm.errors import NoModelError, UnusableInputError
from steadynorm.outcome import Failure, Outcome, Task, rank
from steadynorm.rank_findings import of_all_ranks
from steadynorm.report.model import Origin, Report
from steadynorm.report.words import counted, folded

MOST_TRIED = 32
"""Checkpoints in a folder that are read to find the one with normalization layers."""


def check_group(task: Task, group: Group) -> Outcome:
    """Checks what files that belong together say; whatever is wrong with them is a failure in the outcome."""
    reports: list[Report] = []
    failures: list[Failure] = []
    before = None if task.before is None else earlier(task.before)
    try:
        for model in assemble(group, before, lambda path, error: failures.append(Failure.of(path, error))):
            reports.append(_report(model, task))
    except UnusableInputError as error:
        failures.append(Failure.of(group.path, error))
    except Exception as error:
        # A mistake of ours over one file must not cost the report on a thousand others.
        what = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        reason = f"{group.path}: stopped by {what}; this is a mistake in steadynorm, report it"
        failures.append(Failure(group.path, reason))
    return Outcome(tuple(reports), tuple(failures))


@cache
def earlier(path: str) -> Contents:
    """The one checkpoint that a path stands for.

    Raises:
        UnusableInputError: it stands for none or for several, or cannot be read.
    """
    found = search([path])
    groups = [group for group in found.groups if group.checkpoints]
    if 1 < len(groups) <= MOST_TRIED:
        groups = [group for group in groups if any(map(_has_layers, group.checkpoints))] or groups
    if found.unread and len(groups) < 2:
        raise UnusableInputError(next(iter(found.unread.values())))
    if len(groups) != 1 or len(groups[0].checkpoints) != 1:
        names = [name for group in groups for name in group.checkpoints]
        holds = f"{counted(len(names), 'checkpoint')} ({folded(names)})" if names else "no checkpoint"
        raise UnusableInputError(f"{path}: holds {holds}; expected one, to compare with: name it")
    return formats.read(groups[0].checkpoints[0])


def _has_layers(path: str) -> bool:
    """Whether a checkpoint has something to compare with, in contrast to an optimizer's state beside the model's."""
    try:
        return bool(layers_of(formats.read(path)).layers)
    except NoModelError:
        return False
    except UnusableInputError:
        return True  # It may be the one that is meant; what is wrong with it is said once it is.


def _report(model: Assembled, task: Task) -> Report:
    origin = Origin(model.path, model.files, model.format, model.code)
    name = model.path.replace("\n", "\\n")
    findings, not_assessed = run(model.evidence, task.select, task.ignore)
    if not model.evidence.layers and not findings:
        return Report.nothing_to_check(name, model.evidence.framework, origin)
    ranks = {path: run(each, task.select, task.ignore)[0] for path, each in model.ranks.items()}
    findings = of_all_ranks(findings, ranks)
    ranked = tuple(sorted(findings, key=rank))
    return Report(name, condensed(model.evidence), ranked, tuple(not_assessed), task.select, task.ignore, origin)
