"""Source files into evidence: a symbolic run of the project, looked at by one reader per framework."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib import import_module

from steadynorm.place import Place
from steadynorm.program import Program
from steadynorm.source.reading.files import SourceFile
from steadynorm.source.seen import Seen
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


def read(files: Sequence[SourceFile]) -> Program:
    """Reads the source of one project.

    Arguments:
        files: all its files; those that do not mention the subject are only followed where others import them. A file
            that cannot be parsed is as if it were empty.

    Returns:
        what the source does about normalization. Nothing of it is imported or executed.
    """
    runs = runs_of(files, lambda file: file.subject)
    seen = list(_seen(runs, files))
    unique = {(each.place, each.code, each.how): each for one in seen for each in reversed(one.sightings)}
    places = frozenset[Place]().union(*(one.normalizations for one in seen))
    return Program(
        tuple(file.path for file in files),
        tuple(sorted(unique.values(), key=lambda each: (each.place, each.code, each.how))),
        len(places),
        tuple(dict.fromkeys(f"{run.file}: {run.name}" for run in runs if not run.whole)),
        tuple(sorted(frozenset[Place]().union(*(one.unseen for one in seen)))),
    )


def _seen(runs: Sequence[Run], files: Sequence[SourceFile]) -> Iterator[Seen]:
    called = {call.name.partition(".")[0] for run in runs for call in run.calls()}
    for room, packages in _READERS.items():
        if packages and not packages & called:
            continue
        if room == "tensorflow" and not any(map(is_about, runs)):
            continue
        reader = import_module(f"steadynorm.source.{room}.reader")
        seen: Seen = reader.look(runs)
        if room == "tensorflow":
            seen = replace(seen, sightings=tuple(reader.placed(seen.sightings, {file.path: file for file in files})))
        yield seen
