"""What a Keras configuration says about the place of each normalization: what leads into it, and what reads it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any, TypeAlias

from steadynorm.artifacts.keras_config import Config, Description, Part
from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Mode, Operation
from steadynorm.recorded import Choice, Graph, Use

LONGEST_CHAIN = 12
_LAYERS = ("normalization", "convolution", "linear")
"""What ends a chain: what lies beyond is not around the layer any more."""

MOST_CALLS = 200_000

_BATCH_ALWAYS = 2
"""Keras 1's `mode` of normalizing by the batch in inference, too."""

_DROPOUTS = frozenset(
    {"Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout", "GaussianDropout"}
)
_RECTIFIERS = frozenset({"ReLU", "LeakyReLU", "PReLU", "ELU", "ThresholdedReLU"})
_JOINING = frozenset({"Add", "Concatenate", "Average", "Maximum", "Minimum", "Multiply", "Subtract", "Merge"})
_RESHAPING = frozenset({"Flatten", "Reshape", "Permute", "RepeatVector", "Identity"})
_PASSING_RANK = _DROPOUTS | _RECTIFIERS | _JOINING | {"Activation", "Dense", "Softmax", "GaussianNoise", "Identity"}
_KEEPING_AXES = _DROPOUTS | _RECTIFIERS | _JOINING | {"Activation", "GaussianNoise", "Identity"}
_POOLING = re.compile(r"(Max|Average)Pooling|ZeroPadding|Cropping|UpSampling")
_FUNCTIONS = {
    "sigmoid": "sigmoid",
    "hard_sigmoid": "sigmoid",
    "tanh": "tanh",
    "softmax": "softmax",
    "log_softmax": "softmax",
}

_CONVOLUTION = re.compile(r"(Separable|Depthwise|Atrous)?(Conv|Convolution)[123]D(Transpose)?")

_Key: TypeAlias = tuple[str, int]


@dataclass(eq=False)
class _Node:
    kind: str
    name: str
    bias: bool = False
    inputs: list[_Node] = field(default_factory=list)
    readers: list[_Node] = field(default_factory=list)
    norm: Part | None = None
    training: bool | None = None
    rank: int | None = None
    channels: tuple[int, str] | None = None

    def operation(self) -> Operation:
        return Operation(self.kind, self.name, self.bias, len(self.readers))


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
        before=_before(node),
        after=_after(node),
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
        node = _Node(kind, name, inputs=list(dict.fromkeys(inputs)), **options)
        for each in node.inputs:
            each.readers.append(node)
        self.nodes.append(node)
        return node

    def model(self, model: Part, given: Sequence[_Node] | None) -> list[_Node]:
        """Calls a model and returns its outputs; without inputs it makes its own."""
        if any(part.inbound for part in model.inner):
            return self._functional(model, given)
        nodes = list(given or ())
        for part in model.inner:
            nodes = nodes or [self.add("input", "input", rank=_rank_of_shape(part.config))]
            if part.kind != "InputLayer":
                nodes = self._call(part, nodes, None, None)
        return nodes

    def _functional(self, model: Part, given: Sequence[_Node] | None) -> list[_Node]:
        parts = {part.name: part for part in model.inner}
        inputs = [name for name, _, _ in _references(model.config.get("input_layers"))]
        calls: dict[_Key, Any] = {}
        for part in parts.values():
            for at, call in enumerate(part.inbound or (None,)):
                calls[part.name, at] = call
        needs = {key: {(name, at) for name, at, _ in _references(call)} & calls.keys() for key, call in calls.items()}
        try:
            order = list(TopologicalSorter(needs).static_order())
        except CycleError as error:
            raise UnusableInputError(f"{self._path}: the model's layers feed each other in a circle") from error
        values: dict[_Key, list[_Node]] = {}
        for key in order:
            part, call = parts[key[0]], calls[key]
            if part.kind == "InputLayer":
                at = inputs.index(part.name) if part.name in inputs else -1
                own = given is None or not 0 <= at < len(given)
                values[key] = [
                    self.add("input", part.path, rank=_rank_of_shape(part.config)) if own or not given else given[at]
                ]
                continue
            values[key] = self._call(part, _found(values, call), _training(call), _rank_of_tensor(call))
        return _found(values, model.config.get("output_layers"))

    def _call(self, part: Part, inputs: list[_Node], training: bool | None, rank: int | None) -> list[_Node]:
        wrapped = [each for each in part.inner if part.kind == "TimeDistributed"]
        if wrapped:
            return self._call(wrapped[0], inputs, training, None)
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
        kind, function = _kind(part), _activation(part.config.get("activation"))
        node = self.add(kind, part.path, inputs, bias=_bias(kind, part.config), rank=_rank_after(part, rank))
        node.channels = _channels(part, node)
        if function and kind in ("convolution", "linear", "other"):
            node = self.add(function, part.path, [node], rank=node.rank, channels=node.channels)
        return [node]


def _found(values: Mapping[_Key, list[_Node]], references: Any) -> list[_Node]:
    """The nodes that references mean; those to what is not there are left out."""
    found = []
    for name, at, index in _references(references):
        outputs = values.get((name, at))
        if outputs:
            found.append(outputs[index if index < len(outputs) else 0])
    return found


def _kind(part: Part) -> str:
    kind = part.kind
    if _CONVOLUTION.fullmatch(kind):
        return "convolution"
    if kind in ("Dense", "EinsumDense"):
        return "linear"
    if kind in _DROPOUTS:
        return "dropout" if part.config.get("rate", part.config.get("p", 1)) else "reshape"
    if kind == "Activation":
        return _activation(part.config.get("activation")) or "reshape"
    if kind == "Softmax":
        return "softmax"
    if kind in _RECTIFIERS:
        return "activation"
    if kind in _JOINING:
        return "add"
    return "reshape" if kind in _RESHAPING else "other"


def _channels(part: Part, node: _Node) -> tuple[int, str] | None:
    """The axis of the channels, and the convolution that shows it; `None` where nothing does."""
    if node.kind == "convolution" and node.rank is not None:
        order = part.config.get("data_format")
        at = {"channels_first": 1, "channels_last": node.rank - 1}.get(order) if isinstance(order, str) else None
        return None if at is None else (at, part.path)
    if node.inputs and (part.kind in _KEEPING_AXES or _POOLING.match(part.kind)):
        return node.inputs[0].channels
    return None


def _activation(found: Any) -> str | None:
    """The kind of a function, `None` for none at all."""
    if isinstance(found, dict):
        named = found.get("config")
        found = named if isinstance(named, str) else found.get("class_name")
    if found in (None, "linear"):
        return None
    return _FUNCTIONS.get(found, "activation") if isinstance(found, str) else "activation"


def _bias(kind: str, config: Config) -> bool:
    if kind not in ("convolution", "linear"):
        return False
    if "bias_axes" in config:
        return config["bias_axes"] is not None
    return bool(config.get("use_bias", config.get("bias", False)))


def _references(found: Any) -> Iterator[tuple[str, int, int]]:
    """All references to the results of calls, however they are nested: layer, call and output."""
    waiting = [found]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            history = each.get("config", {}).get("keras_history") if isinstance(each.get("config"), dict) else None
            waiting += [history] if history is not None else reversed(list(each.values()))
        elif isinstance(each, list | tuple):
            if len(each) >= 3 and isinstance(each[0], str) and all(_is_index(at) for at in each[1:3]):
                yield each[0], each[1], each[2]
            else:
                waiting += reversed(each)


def _is_index(found: Any) -> bool:
    return isinstance(found, int) and not isinstance(found, bool) and found >= 0


def _training(call: Any) -> bool | None:
    """The argument `training` that a call was recorded with."""
    options = call.get("kwargs") if isinstance(call, dict) else None
    if isinstance(call, list):  # Keras 2: [[layer, call, output, options], ...]
        options = next((each[3] for each in call if isinstance(each, list) and len(each) > 3), None)
    training = options.get("training") if isinstance(options, dict) else None
    return bool(training) if isinstance(training, bool | int) else None


def _rank_of_tensor(call: Any) -> int | None:
    """The number of axes of the first tensor of a call, which only Keras 3 records."""
    waiting = [call.get("args") if isinstance(call, dict) else None]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting += reversed(each)
        elif isinstance(each, dict) and isinstance(each.get("config"), dict):
            return _rank_of_shape({"batch_shape": each["config"].get("shape")})
    return None


def _rank_of_shape(config: Config) -> int | None:
    shape = config.get("batch_shape") or config.get("batch_input_shape")
    return len(shape) if isinstance(shape, list) else None


def _rank_after(part: Part, rank: int | None) -> int | None:
    if part.kind == "Flatten" or part.kind.startswith("Global"):
        return 2
    spatial = re.search(r"([123])D(Transpose)?$", part.kind)
    if spatial is not None:
        return int(spatial[1]) + 2
    target = part.config.get("target_shape")
    if part.kind == "Reshape" and isinstance(target, list):
        return len(target) + 1
    return rank if part.kind in _PASSING_RANK else None


def _before(node: _Node) -> tuple[Operation, ...]:
    chain: list[Operation] = []
    while len(node.inputs) == 1 and len(chain) < LONGEST_CHAIN:
        node = node.inputs[0]
        if node.kind == "input":
            break
        chain.append(node.operation())
        if node.kind in _LAYERS:
            break
    return tuple(chain)


def _after(node: _Node) -> tuple[Operation, ...]:
    chain: list[Operation] = []
    while len(node.readers) == 1 and len(chain) < LONGEST_CHAIN:
        node = node.readers[0]
        chain.append(node.operation())
        if node.kind in _LAYERS:
            break
    return tuple(chain)
