"""Which function fixes which code, and whether its fixes are safe."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pkgutil import iter_modules
from typing import TypeAlias

from steadynorm.finding import Certainty, Finding
from steadynorm.fix import Edit, Fix
from steadynorm.source.fixes.errors import NoFixError, WithheldError
from steadynorm.source.fixes.project import Project
from steadynorm.source.reading.files import SourceFile

Fixer: TypeAlias = Callable[[Finding, Project], Iterable[Edit]]
"""Edits that mend what a finding is about, in the files by their paths; none, or `NoFixError`, where it cannot be."""


@dataclass(frozen=True, slots=True)
class Registered:
    """One function that fixes findings of a code.

    Arguments:
        description: what it does, in a few words.
        safe: whether behaviour only changes where it was wrong.
        function: the function.
    """

    description: str
    safe: bool
    function: Fixer


_REGISTERED: dict[str, list[Registered]] = {}


def fixes(code: str, description: str, *, safe: bool) -> Callable[[Fixer], Fixer]:
    """Registers a function as (one of) the fixes for `code`; the first one that has edits for a finding is taken."""

    def register(function: Fixer) -> Fixer:
        _REGISTERED.setdefault(code, []).append(Registered(description, safe, function))
        return function

    return register


def load_fixes() -> None:
    """Imports the modules of this package, which are found by name; those that fix register what they fix."""
    for module in iter_modules(import_module("steadynorm.source.fixes").__path__):
        import_module(f"steadynorm.source.fixes.{module.name}")


def with_fixes(findings: Iterable[Finding], files: Mapping[str, SourceFile]) -> Iterator[Finding]:
    """The findings, each with its fix where there is one, or with the reason why one is withheld."""
    load_fixes()
    project = Project(files)
    for found in findings:
        yield _with_fix(found, project)


def fix_of(found: Finding, files: Mapping[str, SourceFile]) -> Fix | None:
    """The fix of a finding, `None` without one. What is not proven to be wrong is not mended safely."""
    return _with_fix(found, files if isinstance(files, Project) else Project(files)).fix


def _with_fix(found: Finding, project: Project) -> Finding:
    withheld = None
    for each in _REGISTERED.get(found.code, ()):
        try:
            edits = tuple(dict.fromkeys(each.function(found, project)))
        except WithheldError as error:
            withheld = error
        except NoFixError:
            continue
        else:
            if edits:
                safe = each.safe and found.certainty is Certainty.PROVEN
                return replace(found, fix=Fix(each.description, edits, safe))
    return found if withheld is None else replace(found, remedy=f"{found.remedy} {withheld}")
