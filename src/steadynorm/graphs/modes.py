"""In which mode each use of a layer runs, and what chooses it: the places of one layer that stand for each other."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from steadynorm.evidence import Mode
from steadynorm.graphs.guards import MERGES, SELECTS, Guards, opposed
from steadynorm.graphs.layers import Group
from steadynorm.graphs.nodes import producer
from steadynorm.graphs.places import Place
from steadynorm.graphs.reachability import PASSING_OPS
from steadynorm.graphs.wires import GRADIENT_SCOPE, Wires, is_gradient_op
from steadynorm.recorded import Choice

_NEAR = 60
_FAR = 2_000
_WEIGHT = 20  # what looking at a place costs, in nodes that a walk visits


@dataclass(frozen=True, slots=True)
class Chosen:
    """One use of a layer: a place, or two of which one runs.

    Arguments:
        places: the places, that of the batch first.
        mode: its mode, `None` if that is chosen when the graph runs.
        choice: what chooses it.
        switch: the node that chooses.
        default: the mode where nothing is fed or assigned.
        outside: whether both places run and only one of the results is chosen.
    """

    places: tuple[Place, ...]
    mode: Mode | None
    choice: Choice = Choice.FIXED
    switch: str | None = None
    default: Mode | None = None
    outside: bool = False


class ModeReader:
    """Reads the modes of one graph's layers.

    Arguments:
        wires: the graph.
    """

    def __init__(self, wires: Wires) -> None:
        self._wires = wires
        self._later: dict[str, dict[str, list[str]]] = {}
        self._has_choices = any(
            self._chooses(node.name) and not GRADIENT_SCOPE.search(node.name) for node in wires.flat.values()
        )

    def uses(self, layer: Group) -> list[Chosen]:
        """The uses of a layer, in the graph's order."""
        rest = {place.node: place for place in layer.places}
        order = {node: index for index, node in enumerate(rest)}
        found: list[tuple[int, Chosen]] = []
        for place in layer.places:
            if place.node not in rest or not place.sides(Mode.BATCH) or place.sides(Mode.POPULATION):
                continue
            other, switch, outside = self._counterpart(place, list(rest.values()))
            if other is not None:
                del rest[place.node], rest[other.node]
                sides = (self._guards(place, outside), self._guards(other, outside))
                found.append((order[place.node], self._chosen((place, other), switch, *sides, outside)))
        found += [(order[node], self._alone(place)) for node, place in rest.items()]
        return [each for _, each in sorted(found, key=lambda pair: pair[0])]

    def unshared(self, layers: Sequence[Group]) -> list[tuple[str, str]]:
        """Pairs of layers, one for training and one for inference, that a condition chooses between."""
        found: dict[tuple[str, str], None] = {}
        single = {
            layer.name: mode
            for layer in layers
            for mode in (Mode.BATCH, Mode.POPULATION)
            if all(place.sides(mode) and not place.sides(_other(mode)) for place in layer.places)
        }
        joined: dict[str, list[tuple[Group, str]]] = {}
        branches: dict[str, tuple[list[str], list[str]]] = {}
        for layer in layers:
            if layer.name not in single:
                continue
            for name, _ in set().union(*(self._wires.guards.of(place.node) for place in layer.places)):
                sides = branches.setdefault(name, ([], []))
                sides[single[layer.name] is Mode.POPULATION].append(layer.name)
            for place in layer.places:
                for merge in self._joins(place):
                    joined.setdefault(merge, []).append((layer, place.node))
        for pairs in joined.values():
            training = [layer.name for layer, _ in pairs if single[layer.name] is Mode.BATCH]
            inference = [layer.name for layer, _ in pairs if single[layer.name] is Mode.POPULATION]
            if len(training) == len(inference) == 1:
                found[training[0], inference[0]] = None
        by_name = {layer.name: layer for layer in layers}
        for name, (training, inference) in branches.items():
            if len(training) == len(inference) and self._opposed(name, by_name, training, inference):
                found.update(dict.fromkeys(zip(training, inference, strict=True)))
        return list(found)

    def _opposed(self, name: str, layers: dict[str, Group], some: Sequence[str], others: Sequence[str]) -> bool:
        def sides(names: Sequence[str]) -> set[bool]:
            guards = [self._wires.guards.of(place.node) for each in names for place in layers[each].places]
            return {side for each in guards for chooser, side in each if chooser == name}

        return len(sides(some)) == len(sides(others)) == 1 and sides(some) != sides(others)

    def _alone(self, place: Place) -> Chosen:
        batch, population = place.sides(Mode.BATCH), place.sides(Mode.POPULATION)
        if not population:
            return Chosen((place,), Mode.BATCH)
        if not batch:
            return Chosen((place,), Mode.POPULATION)
        for one in batch:
            for other in population:
                switch = opposed(one, other)
                if switch is not None:
                    return self._chosen((place,), switch, one, other, False)
        return Chosen((place,), None, Choice.COMPUTED)

    def _chosen(
        self, places: tuple[Place, ...], switch: str, batch: Guards, population: Guards, outside: bool
    ) -> Chosen:
        chooser = self._wires.guards.chooser(switch)
        default = None
        if chooser.default is not None:
            default = Mode.BATCH if (switch, chooser.default) in batch else Mode.POPULATION
        if chooser.choice is Choice.FIXED and default is not None:
            return Chosen(places, default, Choice.FIXED, switch, None, outside)
        return Chosen(places, None, chooser.choice, switch, default, outside)

    def _counterpart(self, place: Place, rest: Sequence[Place]) -> tuple[Place | None, str, bool]:
        """The place that stands for this one in inference, what chooses, and whether both run."""
        self._wires.count(_WEIGHT * len(rest))
        candidates = [each for each in rest if each.sides(Mode.POPULATION) and not each.sides(Mode.BATCH)]
        origin = self._wires.origin(place.x)
        candidates.sort(key=lambda each: self._wires.origin(each.x) != origin)
        guards = self._wires.guards.of(place.output)
        for other in candidates:
            switch = opposed(guards, self._wires.guards.of(other.output))
            if switch is not None:
                return other, switch, False
        joins = self._later_joins(place) if candidates else {}
        for other in candidates:
            if not joins.keys().isdisjoint(self._later_joins(other)):
                switch = opposed(self._guards(place, True), self._guards(other, True))
                if switch is not None:
                    return other, switch, True
        return None, "", False

    def _guards(self, place: Place, outside: bool) -> Guards:
        """The guards of a place, or those under which what is computed with it is taken."""
        guards = self._wires.guards.of(place.output)
        if not outside:
            return guards
        for name, behind in self._later_joins(place).items():
            join = self._wires.flat[name]
            if join.op in SELECTS and len(join.inputs) == 3:
                chooser, sense = self._wires.guards.root(join.inputs[0])
                guards |= {(chooser, sense == (each == join.inputs[1])) for each in behind}
            else:
                for each in behind:
                    guards |= self._wires.guards.of(each)
        return guards

    def _later_joins(self, place: Place) -> dict[str, list[str]]:
        """The first nodes behind a place that choose what is computed with it, or something else.

        A helper may put an activation behind the layer, and a program whole networks, before the condition takes it.
        By node: those of its inputs that are computed with the place.
        """
        if not self._has_choices:
            return {}
        if place.node not in self._later:
            seen = {place.output}
            waiting = deque(seen)
            joins: list[str] = []
            while waiting and len(seen) < _FAR:
                for node in self._wires.consumers(waiting.popleft()):
                    if node.name in seen or is_gradient_op(node.op) or GRADIENT_SCOPE.search(node.name):
                        continue
                    seen.add(node.name)
                    (joins if self._chooses(node.name) else waiting).append(node.name)
            self._wires.count(len(seen))
            inputs = {name: self._wires.flat[name].inputs for name in joins}
            self._later[place.node] = {
                name: [each for each in behind if producer(each) in seen] for name, behind in inputs.items()
            }
        return self._later[place.node]

    def given(self, place: Place, outside: bool) -> set[str]:
        """The nodes that give what is computed with a place: behind what chooses, where something does.

        Arguments:
            place: the place.
            outside: whether what chooses may stand behind other operations.
        """
        joins = set(self._later_joins(place)) if outside else self._joins(place)
        return self._passed_on(joins or {place.output}, frozenset({"Identity"}))

    def _joins(self, place: Place) -> set[str]:
        """The nodes that choose what a place gives, or something else."""
        return {each for each in self._passed_on({place.output}, PASSING_OPS | SELECTS) if self._chooses(each)}

    def _passed_on(self, roots: set[str], ops: frozenset[str]) -> set[str]:
        """The roots and what only gives on what they give, of some types, up to what chooses."""
        seen = set(roots)
        waiting = list(roots)
        while waiting and len(seen) < _NEAR:
            for node in self._wires.consumers(waiting.pop()):
                if node.name not in seen and node.op in ops:
                    seen.add(node.name)
                    if not self._chooses(node.name):
                        waiting.append(node.name)
        return seen

    def _chooses(self, name: str) -> bool:
        return self._wires.op(name) in MERGES or self._wires.op(name) in SELECTS


def _other(mode: Mode) -> Mode:
    return Mode.POPULATION if mode is Mode.BATCH else Mode.BATCH
