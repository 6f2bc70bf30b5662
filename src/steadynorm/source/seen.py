"""What one framework's reader has seen in a project."""

from __future__ import annotations

from dataclasses import dataclass

from steadynorm.place import Place
from steadynorm.program import Sighting


@dataclass(frozen=True, slots=True)
class Seen:
    """What one framework's reader has seen.

    Arguments:
        sightings: in any order; of two of one place, code and case the first counts.
        normalizations: the places that apply or make a normalization layer.
        unseen: the places that build a model by a name that nobody knows here.
    """

    sightings: tuple[Sighting, ...] = ()
    normalizations: frozenset[Place] = frozenset()
    unseen: frozenset[Place] = frozenset()
