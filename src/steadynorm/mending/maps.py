"""Maps of names that the user gives, as a mapping or as a JSON file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from steadynorm.artifacts.safetensors import MOST_HEADER, json_object
from steadynorm.artifacts.source import open_source
from steadynorm.errors import UnusableInputError

StrPath = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class Renamed:
    """What a tensor or layer becomes.

    Arguments:
        name: its other name.
        transpose: the order of the axes, as (2, 3, 1, 0); `None` leaves them.
    """

    name: str
    transpose: tuple[int, ...] | None = None


def read_map(given: Mapping[str, object] | StrPath | None) -> dict[str, Renamed]:
    """A map from names to names: `{"conv1/bn": "layer1.bn"}`, or to `{"name": ..., "transpose": [3, 2, 0, 1]}`.

    Raises:
        UnusableInputError: the file cannot be read, or an entry is something else.
    """
    if given is None:
        return {}
    where = "the map of names"
    if not isinstance(given, Mapping):
        where = os.fspath(given)
        with open_source(where) as source:
            if source.size > MOST_HEADER:
                raise UnusableInputError(f"{where}: has {source.size} bytes; expected at most {MOST_HEADER}")
            given = json_object(source.read(0, source.size), where, "content")
    return {name: _renamed(value, name, where) for name, value in given.items()}


def _renamed(value: object, name: str, where: str) -> Renamed:
    match value:
        case str(other):
            return Renamed(other)
        case {"name": str(other), **rest} if not rest:
            return Renamed(other)
        case {"name": str(other), "transpose": list(axes), **rest} if not rest and sorted(axes) == [*range(len(axes))]:
            return Renamed(other, tuple(axes))
    raise UnusableInputError(
        f"{where}: {name!r} is mapped to {value!r:.80}; expected a name, or an object with a name and the order of "
        "axes as transpose"
    )
