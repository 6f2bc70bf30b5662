"""What is asked of the check of one model, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass

from steadynorm.errors import NoModelError, UnusableInputError
from steadynorm.finding import Certainty, Finding
from steadynorm.report.model import Report


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked of every model; plain values, so that another process can be asked.

    Arguments:
        before: the path of an earlier checkpoint to compare with.
        select: codes or prefixes to check; all if empty.
        ignore: codes or prefixes to leave out.
    """

    before: str | None
    select: tuple[str, ...]
    ignore: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """One file that nothing came of.

    Arguments:
        path: the file or folder.
        reason: why, in one line that names it.
        aside: what it is in a few words, where it just holds no model; empty if something is wrong with it.
    """

    path: str
    reason: str
    aside: str = ""

    @classmethod
    def of(cls, path: str, error: UnusableInputError) -> Failure:
        """The failure that an error stands for."""
        return cls(path, str(error), error.aside if isinstance(error, NoModelError) else "")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one group of files.

    Arguments:
        reports: one per model in it.
        failures: what could not be read, or holds no model.
    """

    reports: tuple[Report, ...]
    failures: tuple[Failure, ...]


def rank(found: Finding) -> tuple[int, bool]:
    """The worst first, and of those what is proven; else the order of the catalogue."""
    return -found.severity.rank, found.certainty is not Certainty.PROVEN
