"""What one framework's reader has seen in a project."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

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


def together(sightings: Iterable[Sighting]) -> list[Sighting]:
    """Each place, code and case once: the first one.

    What has `trained_at`, the training steps that it concerns by their places, has those of all: several training loops
    may come to one switch.
    """
    found: dict[tuple[Place, str, str], Sighting] = {}
    for each in sightings:
        first = found.setdefault((each.place, each.code, each.how), each)
        if first is not each and "trained_at" in first.facts:
            found[each.place, each.code, each.how] = _joined(first, each)
    return list(found.values())


def _joined(one: Sighting, other: Sighting) -> Sighting:
    steps: dict[str, str] = {**other.facts["trained_at"], **one.facts["trained_at"]}  # type: ignore[dict-item]
    related = tuple(dict.fromkeys((*one.related, *other.related)))
    ordered = {str(place): steps[str(place)] for place in related if str(place) in steps}
    return replace(one, related=related, facts={**one.facts, "trained_at": ordered, "where": ", ".join(ordered)})
