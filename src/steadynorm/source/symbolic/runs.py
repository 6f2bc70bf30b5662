"""All runs of a project: every module from its first line, then whatever no module has come to.

A large project whose modules fall into two parts is run part by part, and each part as the program that it is with the
modules that both share, and without the other part: it starts from the names and the memory that the shared modules
have left, and when it is over these are as they were. So it makes no difference which part is run first, or in which
process. The shared modules' own entry points come last, since callers stand before what they call: what a part has
called there is not run once more as something that nobody calls.

Two parts have nothing to do with each other if no run of one comes to a module of the other, and no run of a shared
module to a module of a part. Where one does, the project is run again as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from steadynorm.source.reading.files import SourceFile
from steadynorm.source.symbolic.calls import call_value
from steadynorm.source.symbolic.dividing import Division, divided
from steadynorm.source.symbolic.entries import run_entries
from steadynorm.source.symbolic.expressions import EVALUATORS
from steadynorm.source.symbolic.holdings import Holdings
from steadynorm.source.symbolic.imports import load
from steadynorm.source.symbolic.machine import Machine, Spot
from steadynorm.source.symbolic.modules import Module, Project, project_of
from steadynorm.source.symbolic.statements import execute
from steadynorm.source.symbolic.trace import Run


class EntangledError(Exception):
    """A run has come to a module of another part."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What the shared modules are to know of a part.

    Arguments:
        seen: the functions that it has run.
        imported: the paths of the modules that it imports.
    """

    seen: set[Spot]
    imported: set[str]


def runs_of(files: Iterable[SourceFile], wanted: Callable[[SourceFile], bool] = lambda file: True) -> list[Run]:
    """Runs a project symbolically.

    Arguments:
        files: all files of the project; those that are not `wanted` are read where others import them.
        wanted: whether a file's own entry points are run.
    """
    project = project_of(files)
    modules = [module for module in project.modules if wanted(module.file)]
    division = divided(project, modules)
    if division is not None:
        try:
            return _in_parts(project, division)
        except EntangledError:
            pass
    machine = _machine(project)
    for module in modules:
        machine.load(module)
    run_entries(machine, list(machine.runs), modules)
    return machine.runs


def _in_parts(project: Project, division: Division) -> list[Run]:
    parted = Parted(project, division)
    (first, learned), (second, also_learned) = parted.run_part(0), parted.run_part(1)
    return first + parted.run_shared((learned, also_learned)) + second


def _machine(project: Project) -> Machine:
    return Machine(project, EVALUATORS, execute, call_value, load)


class Parted:
    """A project that is run part by part.

    Arguments:
        project: the project, of which the shared modules are run at once, each from its first line.
        division: its parts.

    Raises:
        EntangledError: a shared module needs a part.

    Attributes:
        scripts: the runs of the shared modules' lines.
    """

    def __init__(self, project: Project, division: Division) -> None:
        self._division = division
        self._machine = _machine(project)
        for module in division.shared:
            self._machine.load(module)
        self._check_apart(division.parts)
        self.scripts = list(self._machine.runs)
        self._holdings = Holdings(self._machine.scopes.values())

    def run_part(self, number: int) -> tuple[list[Run], Learned]:
        """Runs a part.

        Returns:
            its runs, and what the machine has learned by it and has forgotten again.

        Raises:
            EntangledError: it has come to the other part.
        """
        machine, part = self._machine, self._division.parts[number]
        memory, scopes, start = machine.memory, machine.scopes, len(machine.runs)
        machine.memory, machine.scopes = memory.copy(), dict(scopes)
        for module in part:
            machine.load(module)
        run_entries(machine, machine.runs[start:], part)
        self._check_apart([each for each in self._division.parts if each is not part])
        learned = Learned(machine.memory.seen, {module.path for module in machine.memory.imported})
        machine.memory, machine.scopes = memory, scopes
        self._holdings.restore()
        return machine.runs[start:], learned

    def run_shared(self, learned: Iterable[Learned]) -> list[Run]:
        """Runs what is left of the shared modules after the parts.

        Arguments:
            learned: what was learned by each part.

        Returns:
            their runs, those of their lines first.

        Raises:
            EntangledError: a run has come to a part.
        """
        machine, start = self._machine, len(self._machine.runs)
        for each in learned:
            machine.memory.seen |= each.seen
            machine.memory.imported |= {module for module in self._division.shared if module.path in each.imported}
        run_entries(machine, self.scripts, self._division.subject)
        self._check_apart(self._division.parts)
        self._holdings.restore()
        return self.scripts + machine.runs[start:]

    def _check_apart(self, parts: Iterable[Sequence[Module]]) -> None:
        if any(module in self._machine.scopes for part in parts for module in part):
            raise EntangledError
