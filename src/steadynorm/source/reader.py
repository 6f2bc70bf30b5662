"""Source files into evidence: a symbolic run of the project, looked at by one reader per framework."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import import_module

from steadynorm.place import Place
from steadynorm.program import Program
from steadynorm.source.reading.files import SourceFile
from steadynorm.source.seen import Seen, together
from steadynorm.source.symbolic.runs import runs_of
from steadynorm.source.symbolic.trace import Run
from steadynorm.source.tensorflow.about import is_about

_READERS = {
    "tensorflow": frozenset({"tensorflow", "slim"}),
    "torch": frozenset[str](),
    "keras": frozenset({"keras", "flax", "equinox"}),
    "jax": frozenset({"jax", "flax", "equinox"}),
}
"""By the room of a reader the packages of which something must be called, or it has nothing to see and is not even
imported; none for what works on any tensor."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen in some runs of a project.

    Arguments:
        seen: by each reader, in their order.
        lost: the entry points that were not followed to their end.
    """

    seen: tuple[Seen, ...]
    lost: tuple[str, ...]


def read(files: Sequence[SourceFile]) -> Program:
    """Reads the source of one project.

    Arguments:
        files: all its files; those that do not mention the subject are only followed where others import them. A file
            that cannot be parsed is as if it were empty.

    Returns:
        what the source does about normalization. Nothing of it is imported or executed.
    """
    return program_of(files, [look_at(runs_of(files, lambda file: file.subject), files)])


def program_of(files: Sequence[SourceFile], looks: Sequence[Look]) -> Program:
    """What all looks at a project together come to."""
    seen = [one for look in looks for one in reversed(look.seen)]
    unique = together(each for one in seen for each in one.sightings)
    places = frozenset[Place]().union(*(one.normalizations for one in seen))
    return Program(
        tuple(file.path for file in files),
        tuple(sorted(unique, key=lambda each: (each.place, each.code, each.how))),
        len(places),
        tuple(dict.fromkeys(name for look in looks for name in look.lost)),
        tuple(sorted(frozenset[Place]().union(*(one.unseen for one in seen)))),
    )


def look_at(runs: Sequence[Run], files: Sequence[SourceFile]) -> Look:
    """What the readers see in runs.

    Arguments:
        runs: all runs of a project, or some that are nobody else's business.
        files: all files of the project.
    """
    return Look(
        tuple(_seen(runs, files)), tuple(dict.fromkeys(f"{run.file}: {run.name}" for run in runs if not run.whole))
    )


def rooms_for(runs: Sequence[Run]) -> list[str]:
    """The rooms of the readers that have something to see in runs."""
    names = {call.name for run in runs for call in run.calls()}
    called = {name.partition(".")[0] for name in names}
    wanted = [room for room, packages in _READERS.items() if not packages or packages & called]
    return [room for room in wanted if room != "tensorflow" or any(map(is_about, runs))]


def _seen(runs: Sequence[Run], files: Sequence[SourceFile]) -> Iterator[Seen]:
    for room in rooms_for(runs):
        reader = import_module(f"steadynorm.source.{room}.reader")
        seen: Seen = reader.look(runs)
        if room == "tensorflow":
            seen = replace(seen, sightings=tuple(reader.placed(seen.sightings, {file.path: file for file in files})))
        yield seen
