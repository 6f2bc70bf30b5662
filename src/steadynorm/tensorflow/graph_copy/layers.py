"""The normalization layers of a graph by its structure, as places that can be watched one by one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from steadynorm.evidence import Layer, Mode, Operation, Statistics
from steadynorm.graphs.averages import find_averages
from steadynorm.graphs.chains import ChainReader
from steadynorm.graphs.flat import flatten
from steadynorm.graphs.layers import Group, dtype, group
from steadynorm.graphs.modes import ModeReader
from steadynorm.graphs.nodes import Nodes, producer
from steadynorm.graphs.places import Place, PlaceFinder
from steadynorm.graphs.training import TrainingReader
from steadynorm.graphs.wires import Wires
from steadynorm.norm.config import NormConfig

_ASSUMED_DECAY = 0.9
"""Where a decay is computed or fed: one that nothing is blamed on."""


@dataclass(frozen=True, slots=True)
class Spot:
    """One place that normalizes.

    Arguments:
        layer: the layer's name.
        use: which use of the layer it is one side of, in the graph's order.
        place: the place.
        axes: the axes that are reduced, `None` for all but the last.
        mode: what it normalizes by; `None` if it chooses between the two itself.
        trains: whether a train step trains through it.
    """

    layer: str
    use: int
    place: Place
    axes: tuple[int, ...] | None
    mode: Mode | None
    trains: bool


class GraphLayers:
    """The layers of one graph.

    Arguments:
        nodes: the graph, with shapes, without calls of functions.

    Attributes:
        spots: all places that normalize, in the graph's order.
        trained: the variables that any operation of the graph trains.
    """

    def __init__(self, nodes: Nodes) -> None:
        self._wires = Wires(flatten(nodes))
        places = _without_sources(PlaceFinder(self._wires).find())
        averages = find_averages(self._wires, {name: kind for each in places for name, kind in each.moments.items()})
        self._groups = {each.name: each for each in group(self._wires, places, averages)}
        reader = TrainingReader(self._wires, {average.node.name for average in averages})
        steps = reader.steps(places)
        trained = frozenset[int]().union(*(step.trains for step in steps))
        self.trained = frozenset[str]().union(*(step.parameters for step in steps))
        self._chains = ChainReader(self._wires, reader.gradients)
        modes = ModeReader(self._wires)
        index = {place.node: number for number, place in enumerate(places)}
        found = []
        for name, layer in self._groups.items():
            for use, chosen in enumerate(modes.uses(layer)):
                axes = next((each.axes for each in chosen.places if each.axes is not None), None)
                trains = any(index[each.node] in trained for each in chosen.places)
                found += [Spot(name, use, each, each.axes or axes, _mode(each), trains) for each in chosen.places]
        self.spots = sorted(found, key=lambda each: index[each.place.node])

    def reached(self, names: Iterable[str]) -> frozenset[str]:
        """Names of all operations that run with some."""
        return frozenset(self._wires.upstream(names, controls=True))

    def updates(self, layer: str, reached: frozenset[str]) -> tuple[int, float | None]:
        """How many of the operations that run move a layer's mean, and the decay, where all have the same."""
        moving = [
            each
            for each in self._groups[layer].averages
            if each.target == self._groups[layer].mean and each.node.name in reached
        ]
        decays = {each.decay for each in moving}
        return len(moving), decays.pop() if len(decays) == 1 else None

    def statistics(self, layer: str) -> tuple[str, str] | None:
        """The variables of a layer's mean and variance, `None` if it keeps none."""
        found = self._groups[layer]
        return None if found.mean is None or found.variance is None else (found.mean, found.variance)

    def epsilon(self, layer: str) -> float:
        """What a layer adds to the variance."""
        found = next((each.place.epsilon for each in self.spots if each.layer == layer), None)
        return 1e-3 if found is None else found

    def drop(self, names: Iterable[str]) -> bool:
        """Whether dropout runs with some operations."""
        nodes = (self._wires.flat[name] for name in self.reached(names) if name in self._wires.flat)
        return any(self._chains.dropped(node) is not None for node in nodes)

    def chains(self, spot: Spot) -> tuple[tuple[Operation, ...], tuple[Operation, ...]]:
        """The operations before and after a place, nearest first; layers with weights before it are no end."""
        layer = self._groups[spot.layer]
        inside = frozenset[str]().union(*(each.inside | {each.node, each.output} for each in layer.places))
        before = self._chains.before(spot.place, inside, through_weights=True)
        return before, self._chains.after(spot.place, inside)

    def describe(
        self, name: str, values: Mapping[str, Any], trained: frozenset[str] | None, channels: int = 0
    ) -> Layer:
        """The record of a layer.

        Arguments:
            name: the layer.
            values: of the variables.
            trained: the variables that are trained, `None` if that is not known.
            channels: how many channels its input has, where it keeps no statistics that say so.
        """
        found = self._groups[name]
        mean, variance, gamma, beta = (
            None if each is None or each not in values else np.array(values[each], np.float64).ravel()
            for each in (found.mean, found.variance, found.gamma, found.beta)
        )
        decays = {each.decay for each in found.averages if each.target == found.mean}
        decay = decays.pop() if len(decays) == 1 else None
        stored = None if mean is None or variance is None else Statistics(mean, variance, None, self._dtype(found))
        return Layer(
            name=name,
            kind=found.places[0].kind,
            channels=channels if mean is None else mean.size,
            config=NormConfig(
                decay=_ASSUMED_DECAY if decay is None else decay,
                epsilon=self.epsilon(name),
                center=beta is not None,
                scale=gamma is not None,
                track_statistics=stored is not None,
            ),
            statistics=stored,
            gamma=gamma,
            beta=beta,
            frozen=trained is not None and bool(found.parameters) and not found.parameters & trained,
            assumed=frozenset({"decay"} if decay is None else ()),
        )

    def _dtype(self, layer: Group) -> str:
        return dtype(self._wires, layer)


def _without_sources(places: Sequence[Place]) -> list[Place]:
    """The places without those that only give another one its moments, as the kernel of a renormalized layer does."""
    sources = {
        producer(leaf.name)
        for place in places
        for leaf in place.leaves
        if leaf.mode is Mode.BATCH and leaf.name is not None and producer(leaf.name) != place.node
    }
    return [place for place in places if place.node not in sources]


def _mode(place: Place) -> Mode | None:
    found = {each.mode for each in place.leaves} - {None}
    return found.pop() if len(found) == 1 else None
