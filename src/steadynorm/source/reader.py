"""Source files into evidence: a symbolic run of the project, looked at by one reader per framework."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from steadynorm.place import Place
from steadynorm.program import Program
from steadynorm.source.jax import reader as jax_reader
from steadynorm.source.keras import reader as keras_reader
from steadynorm.source.reading.files import SourceFile
from steadynorm.source.symbolic.runs import runs_of
from steadynorm.source.tensorflow import reader as tensorflow_reader
from steadynorm.source.torch import reader as torch_reader

_READERS = (tensorflow_reader, torch_reader, keras_reader, jax_reader)


def read(files: Sequence[SourceFile]) -> Program:
    """Reads the source of one project.

    Arguments:
        files: all its files; those that do not mention the subject are only followed where others import them. A file
            that cannot be parsed is as if it were empty.

    Returns:
        what the source does about normalization. Nothing of it is imported or executed.
    """
    runs = runs_of(files, lambda file: file.subject)
    seen = [reader.look(runs) for reader in _READERS]
    seen[0] = replace(seen[0], sightings=tuple(tensorflow_reader.placed(seen[0].sightings, {f.path: f for f in files})))
    unique = {(each.place, each.code, each.how): each for one in seen for each in reversed(one.sightings)}
    places = frozenset[Place]().union(*(one.normalizations for one in seen))
    return Program(
        tuple(file.path for file in files),
        tuple(sorted(unique.values(), key=lambda each: (each.place, each.code, each.how))),
        len(places),
        tuple(dict.fromkeys(f"{run.file}: {run.name}" for run in runs if not run.whole)),
        tuple(sorted(frozenset[Place]().union(*(one.unseen for one in seen)))),
    )
