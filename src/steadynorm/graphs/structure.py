"""Finds which variables are gamma, beta and statistics of one layer, in any graph, by its edges.

Names are no guide where people write their own: a variable counts because the normalization reads it in the place of
a moment, or because batch moments of that normalization are written to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from steadynorm.evidence import Mode
from steadynorm.graphs.averages import find_averages
from steadynorm.graphs.flat import flatten
from steadynorm.graphs.nodes import Nodes
from steadynorm.graphs.places import FUSED, Place, PlaceFinder
from steadynorm.graphs.reachability import Reachability
from steadynorm.graphs.wires import READING, Wires

_JOINED = READING | {"ConcatV2"}
"""What stands between the parts of a variable and the normalization."""


@dataclass(frozen=True, slots=True)
class Normalization:
    """One place of a graph that normalizes, its variables by the names of their operations.

    Arguments:
        node: the fused operation, or the reciprocal square root of the variance.
        parameters: gamma and beta.
        statistics: the averages of its moments.
        training: True if it takes the moments of the batch, False the averages, None whichever is chosen at run time.
    """

    node: str
    parameters: frozenset[str]
    statistics: frozenset[str]
    training: bool | None


def find_normalizations(nodes: Nodes) -> list[Normalization]:
    """All places of the graph's own nodes that normalize by moments that some variable averages, or could.

    Raises:
        TangledGraphError: it would take too long.
    """
    wires = Wires(flatten(nodes))
    reachability = Reachability(nodes)
    places = PlaceFinder(wires).find()
    averaged = _averaged(wires, places)
    found = []
    for place in places:
        if place.node not in nodes.top.nodes:
            continue
        affine = [each for each in (place.scale, place.offset) if each is not None]
        parameters = frozenset().union(*(reachability.variables(each, _JOINED) for each in affine))
        statistics = _read(wires, place).union(*(averaged.get(each, ()) for each in place.moments)) - parameters
        if statistics or place.kind in FUSED:
            found.append(Normalization(place.node, parameters, statistics, _training(place)))
    return found


def _averaged(wires: Wires, places: list[Place]) -> Mapping[str, set[str]]:
    """By output that is a batch moment: the variables that it is written to."""
    found: dict[str, set[str]] = {}
    for average in find_averages(wires, {name: kind for place in places for name, kind in place.moments.items()}):
        for moment in average.moments:
            found.setdefault(moment, set()).add(average.target)
    return found


def _read(wires: Wires, place: Place) -> frozenset[str]:
    """The variables that a place takes in place of a moment."""
    kept = [each.name for each in place.leaves if each.mode is not Mode.BATCH and each.name is not None]
    return frozenset(name for each in kept if (name := wires.variable(each)) is not None)


def _training(place: Place) -> bool | None:
    modes = {each.mode for each in place.leaves} - {None}
    return None if len(modes) > 1 else modes == {Mode.BATCH}
