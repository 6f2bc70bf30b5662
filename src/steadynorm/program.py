"""What source code says about normalization: the records that the source readers fill and the checks judge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from steadynorm.finding import Certainty
from steadynorm.place import Place


@dataclass(frozen=True, slots=True)
class Sighting:
    """One thing that the source does, seen on one path through the program.

    Arguments:
        code: the check that judges it.
        framework: `tensorflow`, `torch`, `keras` or `jax`.
        place: where it stands, and where a fix would begin.
        subject: what it is about as the author would call it: a layer, a model, a call.
        how: which of the check's cases it is, as `constant`, `default` or `dropped`; each check lists its own.
        certainty: likely where the flow was lost on the way, and then `settle` says what would settle it.
        settle: see `certainty`.
        facts: the numbers and names behind it, JSON values only.
        related: other places that belong to it, the way to it first: calls from the outermost in, the other half of a
            pair.
    """

    code: str
    framework: str
    place: Place
    subject: str = ""
    how: str = ""
    certainty: Certainty = Certainty.PROVEN
    settle: str | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
    related: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class Program:
    """A project's source, as far as it is about normalization.

    Arguments:
        files: the paths that were read.
        sightings: in order of their places, each place, code and case once.
        normalizations: how many places in the source apply or make a normalization layer.
        lost: entry points that were not followed to their end, so that what was not seen there proves nothing.
        unseen: where models are built by a name that nobody knows here, so that their layers are not known.
    """

    files: tuple[str, ...]
    sightings: tuple[Sighting, ...] = ()
    normalizations: int = 0
    lost: tuple[str, ...] = ()
    unseen: tuple[Place, ...] = ()

    def seen(self, code: str, framework: str | None = None) -> Iterator[Sighting]:
        """What was seen for a check, of one framework or of all."""
        return (each for each in self.sightings if each.code == code and framework in (None, each.framework))
