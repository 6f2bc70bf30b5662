"""A graph's nodes into what it says about normalization: layers, their uses, updates, train steps and savers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from steadynorm.evidence import Mode
from steadynorm.graphs.averages import Average, find_averages
from steadynorm.graphs.broadcasts import find_broadcasts
from steadynorm.graphs.chains import ChainReader
from steadynorm.graphs.constants import output_shape, type_name
from steadynorm.graphs.flat import flatten
from steadynorm.graphs.layers import Group, channels, dtype, group, initial
from steadynorm.graphs.modes import Chosen, ModeReader
from steadynorm.graphs.nodes import Node, Nodes
from steadynorm.graphs.origins import OriginReader
from steadynorm.graphs.places import Place, PlaceFinder
from steadynorm.graphs.reachability import VARIABLE_OPS
from steadynorm.graphs.savers import find_savers, saved_names
from steadynorm.graphs.training import Step, TrainingReader
from steadynorm.graphs.twins import last_copies, second_builds
from steadynorm.graphs.wires import TangledGraphError, Wires
from steadynorm.recorded import Graph, GraphLayer, TrainStep, Update, Use

UPDATE_OPS = "update_ops"
"""The collection in which TensorFlow 1 keeps what has to run beside the train step."""

MOST_PLACES = 5_000


@dataclass(frozen=True, slots=True)
class Exported:
    """What a file says about a graph beside its nodes.

    Arguments:
        collections: by name, the nodes or outputs in them.
        saver: the node that wrote the checkpoint beside the file, `None` if that is not known.
        exported: whether the file is an export, with no way to go on training from it.
    """

    collections: Mapping[str, Sequence[str]] = field(default_factory=dict)
    saver: str | None = None
    exported: bool = False


def analyse(nodes: Nodes, said: Exported | None = None) -> Graph:
    """What a graph says about its normalization layers.

    Arguments:
        nodes: the graph.
        said: what the file says beside it.

    Raises:
        TangledGraphError: it would take too long.
    """
    return _Analysis(nodes, said or Exported()).graph()


class _Analysis:
    def __init__(self, nodes: Nodes, said: Exported) -> None:
        self._said = said
        self._wires = Wires(flatten(nodes))
        self._places = PlaceFinder(self._wires).find()
        if len(self._places) > MOST_PLACES:
            raise TangledGraphError(f"{len(self._places)} places normalize; expected {MOST_PLACES} at most")
        self._index = {place.node: index for index, place in enumerate(self._places)}
        moments = {name: kind for place in self._places for name, kind in place.moments.items()}
        self._averages = find_averages(self._wires, moments)
        self._layers = group(self._wires, self._places, self._averages)
        self._training = TrainingReader(self._wires, {average.node.name for average in self._averages})
        self._steps = last_copies(self._wires, self._training.steps(self._places), self._sizes())
        self._chains = ChainReader(self._wires, self._training.gradients)
        self._origins = OriginReader(self._wires)
        self._modes = ModeReader(self._wires)
        self._inside: dict[str, frozenset[str]] = {}
        held = [each.partition(":")[0] for each in said.collections.get(UPDATE_OPS, ())]
        self._collected = self._wires.upstream(held, controls=True)

    def graph(self) -> Graph:
        chosen = {layer.name: self._modes.uses(layer) for layer in self._layers}
        pairs = [(layer, each) for layer in self._layers for each in chosen[layer.name]]
        pairs.sort(key=lambda pair: self._index[pair[1].places[0].node])
        uses = tuple(self._use(layer, each, _often_in_training(chosen[layer.name])) for layer, each in pairs)
        updates = tuple(
            self._update(layer, average, chosen[layer.name]) for layer in self._layers for average in layer.averages
        )
        savers = find_savers(self._wires, self._layers, self._said.saver)
        unshared = self._modes.unshared(self._layers)
        trained = {layer.name for layer in self._layers if self._trained_by(layer.places)}
        unshared += second_builds(self._wires, self._layers, trained, {name for pair in unshared for name in pair})
        names = saved_names(self._wires)
        return Graph(
            uses=uses,
            updates=updates,
            train_steps=tuple(self._train_step(step) for step in self._steps),
            savers=tuple(savers),
            inference_only=not self._steps and not any("Grad" in node.op for node in self._wires.flat.values()),
            ignored_switches=self._ignored_switches(),
            layers=tuple(self._layer(layer, names) for layer in self._layers),
            unshared=tuple(unshared),
            exported=self._said.exported,
            fed=self._origins.is_fed([place.x for place in self._places]),
            frozen=self._said.exported and not any(node.op in VARIABLE_OPS for node in self._wires.flat.values()),
            broadcasts=find_broadcasts(self._wires, self._steps),
        )

    def _sizes(self) -> list[int]:
        """By place: how many channels its layer has."""
        sizes = {place.node: channels(self._wires, layer) for layer in self._layers for place in layer.places}
        return [sizes[place.node] for place in self._places]

    def _layer(self, layer: Group, names: Mapping[str, str]) -> GraphLayer:
        place = layer.places[0]

        def saved(variable: str | None) -> str | None:
            return None if variable is None else names.get(variable, variable)

        decays = {average.decay for average in layer.averages}
        return GraphLayer(
            name=layer.name,
            kind=place.kind,
            channels=channels(self._wires, layer),
            gamma=saved(layer.gamma),
            beta=saved(layer.beta),
            mean=saved(layer.mean),
            variance=saved(layer.variance),
            epsilon=None if place.epsilon is None else round(place.epsilon, 12),
            decay=decays.pop() if len(decays) == 1 else None,
            dtype=dtype(self._wires, layer),
            initial=initial(self._wires, layer),
        )

    def _use(self, layer: Group, chosen: Chosen, with_origins: bool) -> Use:
        place = chosen.places[0]
        if layer.name not in self._inside:
            parts = (each.inside | {each.node, each.output} for each in layer.places)
            self._inside[layer.name] = frozenset().union(*parts)
        inside = self._inside[layer.name]
        return Use(
            layer=layer.name,
            node=place.node,
            mode=chosen.mode,
            choice=chosen.choice,
            switch=chosen.switch,
            default=chosen.default,
            trained=bool(self._trained_by(chosen.places)),
            before=self._chains.before(place, inside),
            after=self._chains.after(place, inside),
            input=self._wires.origin(place.x),
            origins=self._origins.of(place.x) if with_origins else frozenset(),
            outside=chosen.outside,
            wrong_axis=self._wrong_axis(place),
            steps=tuple(step.node for step in self._steps if place.output in step.reached),
            heard=tuple(step.node for step in self._steps if step.hears & self._indices(chosen.places)),
        )

    def _update(self, layer: Group, average: Average, uses: Sequence[Chosen]) -> Update:
        name = average.node.name
        feeding = [place for place in layer.places if average.moments & set(place.moments)]
        return Update(
            layer=layer.name,
            statistic={layer.mean: "mean", layer.variance: "variance"}.get(average.target, average.target),
            node=name,
            decay=average.decay,
            steps=tuple(step.node for step in self._steps if name in step.reached),
            collected=name in self._collected,
            always=any(self._runs_with(average, each) for each in uses),
            input=self._wires.origin(feeding[0].x) if feeding else None,
            exclusive=self._wires.guards.of(name),
        )

    def _runs_with(self, average: Average, use: Chosen) -> bool:
        """Whether an update runs whenever a use whose mode is chosen is computed, in inference as well."""
        if use.mode is not None or use.switch is None or use.switch in average.choosers:
            return False
        after = self._wires.downstream([average.node.name], controls=True)
        return any(name in after for place in use.places for name in self._modes.given(place, use.outside))

    def _train_step(self, step: Step) -> TrainStep:
        trained = {self._places[index].node for index in step.trains}
        layers = [layer.name for layer in self._layers if any(place.node in trained for place in layer.places)]
        owned = tuple(layer.name for layer in self._layers if layer.parameters & step.parameters)
        return TrainStep(step.node, tuple(layers), tuple(sorted(step.parameters)), owned)

    def _trained_by(self, places: Sequence[Place]) -> list[Step]:
        indices = self._indices(places)
        return [step for step in self._steps if step.trains & indices]

    def _indices(self, places: Sequence[Place]) -> set[int]:
        return {self._index[place.node] for place in places}

    def _wrong_axis(self, place: Place) -> str | None:
        found = self._chains.layout(place)
        if found is None or place.axes is None or any(axis < 0 for axis in place.axes):
            return None
        layout, axes = found
        if not len(place.axes) + 1 == len(layout) == len(axes):
            return None
        channel = layout.find("C")
        kept = next((axes[axis] for axis in range(len(layout)) if axis not in place.axes), -1)
        if channel < 0 or channel == kept:
            return None
        return f"it keeps axis {kept}, and what comes in is {layout}, with the channels at axis {channel}"

    def _ignored_switches(self) -> tuple[str, ...]:
        """Boolean placeholders of one element that no layer's mode depends on."""
        guards = [leaf.guards for place in self._places for leaf in place.leaves]
        guards += [self._wires.guards.of(place.output) for place in self._places]
        choosers = {name for each in guards for name, _ in each}
        heard = self._wires.upstream(choosers)
        return tuple(node.name for node in self._wires.flat.values() if _is_switch(node) and node.name not in heard)


def _is_switch(node: Node) -> bool:
    if node.op not in ("Placeholder", "PlaceholderWithDefault"):
        return False
    return type_name(node.attrs.get("dtype")) == "bool" and output_shape(node) in ((), None)


def _often_in_training(uses: Sequence[Chosen]) -> bool:
    """Whether several uses can take the moments of the batch."""
    return sum(each.mode is not Mode.POPULATION for each in uses) > 1
