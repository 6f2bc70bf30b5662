"""What a Keras configuration says about the place of each normalization: what leads into it, and what reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any, TypeAlias

from steadynorm.artifacts.chains import Link
from steadynorm.artifacts.keras_calls import rank_of_shape, rank_of_tensor, references_in, training_of
from steadynorm.artifacts.keras_config import Description, Part
from steadynorm.artifacts.keras_kinds import (
    adds_bias,
    channel_axis,
    function_kind,
    keeps_axes,
    operation_kind,
    rank_after,
)
from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Mode
from steadynorm.recorded import Choice, Graph, Use

MOST_CALLS = 200_000

_BATCH_ALWAYS = 2
"""Keras 1's `mode` of normalizing by the batch in inference, too."""

_Key: TypeAlias = tuple[str, int]


@dataclass(eq=False)
class _Node(Link):
    norm: Part | None = None
    training: bool | None = None
    rank: int | None = None
    channels: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True)
class Places:
    """Where a model normalizes.

    Arguments:
        graph: its uses.
        ranks: the number of axes of each layer's input, by the layer's path, where it can be told.
    """

    graph: Graph
    ranks: dict[str, int]


def places(description: Description) -> Places | None:
    """The uses of all normalization layers, `None` for a model whose configuration does not tell its calls.

    Raises:
        UnusableInputError: the calls depend on each other in a circle, or are absurdly many.
    """
    if not description.model.is_model:
        return None
    expansion = _Expansion(description)
    outputs = expansion.model(description.model, None)
    for node in outputs:
        expansion.add("output", "output", [node])
    uses, ranks = [], dict[str, int]()
    for node in expansion.nodes:
        if node.norm is not None:
            uses.append(_use(node, node.norm, description.version))
            if node.rank is not None:
                ranks.setdefault(node.norm.path, node.rank)
    return Places(Graph(tuple(uses)), ranks) if uses else None


def _use(node: _Node, part: Part, version: int) -> Use:
    mode = None
    if part.config.get("trainable") is False and version > 1:
        mode = Mode.POPULATION
    elif part.config.get("mode") == _BATCH_ALWAYS:
        mode = Mode.BATCH
    elif node.training is not None and version == 2:
        # Keras 3 records the argument, too, but fit() and predict() put their own in its place.
        mode = Mode.BATCH if node.training else Mode.POPULATION
    return Use(
        layer=part.path,
        node=part.path,
        mode=mode,
        choice=Choice.COMPUTED if mode is None else Choice.FIXED,
        trained=part.config.get("trainable") is not False,
        before=node.before(),
        after=node.after(),
        wrong_axis=_wrong_axis(node, part),
    )


def _wrong_axis(node: _Node, part: Part) -> str | None:
    """What proves that the layer normalizes another axis than that of the channels."""
    axis = part.config.get("axis", -1)
    axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    if node.channels is None or node.rank is None or not isinstance(axis, int) or not -node.rank <= axis < node.rank:
        return None
    at, convolution = node.channels
    if axis % node.rank == at:
        return None
    return f"its axis is {axis}, and '{convolution}' has the channels on axis {at} of {node.rank}"


class _Expansion:
    """All calls of all layers, those in nested models included, once per call of the model."""

    def __init__(self, description: Description) -> None:
        self.nodes: list[_Node] = []
        self._path = description.path

    def add(self, kind: str, name: str, inputs: Iterable[_Node] = (), **options: Any) -> _Node:
        """One more operation."""
        if len(self.nodes) >= MOST_CALLS:
            raise UnusableInputError(f"{self._path}: the model's configuration has more than {MOST_CALLS} calls")
        node = _Node(kind, name, **options)
        node.connect(inputs)
        self.nodes.append(node)
        return node

    def model(self, model: Part, given: Sequence[_Node] | None) -> list[_Node]:
        """Calls a model and returns its outputs; without inputs it makes its own."""
        if any(part.inbound for part in model.inner):
            return self._functional(model, given)
        nodes = list(given or ())
        for part in model.inner:
            nodes = nodes or [self.add("input", "input", rank=rank_of_shape(part.config))]
            if part.kind != "InputLayer":
                nodes = self._call(part, nodes, None, None)
        return nodes

    def _functional(self, model: Part, given: Sequence[_Node] | None) -> list[_Node]:
        parts = {part.name: part for part in model.inner}
        places_of = {name: at for at, (name, _, _) in enumerate(references_in(model.config.get("input_layers")))}
        calls: dict[_Key, Any] = {}
        for part in parts.values():
            for at, call in enumerate(part.inbound or (None,)):
                calls[part.name, at] = call
        needs = {key: {(name, at) for name, at, _ in references_in(call)} & calls.keys() for key, call in calls.items()}
        try:
            order = list(TopologicalSorter(needs).static_order())
        except CycleError as error:
            raise UnusableInputError(f"{self._path}: the model's layers feed each other in a circle") from error
        values: dict[_Key, list[_Node]] = {}
        for key in order:
            part, call = parts[key[0]], calls[key]
            if part.kind == "InputLayer":
                values[key] = [self._input(part, given, places_of.get(part.name))]
            else:
                values[key] = self._call(part, _found(values, call), training_of(call), rank_of_tensor(call))
        return _found(values, model.config.get("output_layers"))

    def _input(self, part: Part, given: Sequence[_Node] | None, at: int | None) -> _Node:
        """What a nested model is called on; the input layer itself in the outermost one."""
        if given is not None and at is not None and at < len(given):
            return given[at]
        return self.add("input", part.path, rank=rank_of_shape(part.config))

    def _call(self, part: Part, inputs: list[_Node], training: bool | None, rank: int | None) -> list[_Node]:
        if part.kind == "TimeDistributed" and part.inner:
            nodes = self._call(part.inner[0], inputs, training, None)
            for node in nodes:
                node.rank = node.channels = None  # the layer sees one axis less than what comes and goes
            return nodes
        if part.is_model:
            before = len(self.nodes)
            outputs = self.model(part, inputs)
            for node in self.nodes[before:]:
                node.training = training if node.training is None else node.training
            return outputs or [self.add("other", part.path, inputs)]
        rank = rank or (inputs[0].rank if inputs else None)
        if part.is_normalization:
            channels = inputs[0].channels if inputs else None
            node = self.add(
                "normalization", part.path, inputs, norm=part, training=training, rank=rank, channels=channels
            )
            return [node]
        kind, function = operation_kind(part), function_kind(part.config.get("activation"))
        node = self.add(kind, part.path, inputs, bias=adds_bias(kind, part.config), rank=rank_after(part, rank))
        node.channels = _channels(part, node)
        if function and kind in ("convolution", "linear", "other"):
            node = self.add(function, part.path, [node], rank=node.rank, channels=node.channels)
        return [node]


def _found(values: Mapping[_Key, list[_Node]], references: Any) -> list[_Node]:
    """The nodes that references mean; those to what is not there are left out."""
    found = []
    for name, at, index in references_in(references):
        outputs = values.get((name, at))
        if outputs:
            found.append(outputs[index if index < len(outputs) else 0])
    return found


def _channels(part: Part, node: _Node) -> tuple[int, str] | None:
    """The axis of the channels, and the convolution that shows it; `None` where nothing does."""
    if node.kind == "convolution" and node.rank is not None:
        at = channel_axis(part, node.rank)
        return None if at is None else (at, part.path)
    return node.inputs[0].channels if node.inputs and keeps_axes(part) else None
