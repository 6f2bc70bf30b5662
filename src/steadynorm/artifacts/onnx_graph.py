"""ONNX's nodes in one graph, bodies of functions, conditions and loops included: the chains around normalization."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from steadynorm.artifacts.chains import Link
from steadynorm.artifacts.contents import Tensor
from steadynorm.artifacts.onnx_file import Model
from steadynorm.artifacts.onnx_tensors import tensor_of
from steadynorm.errors import UnusableInputError

MOST_DEPTH = 32
MOST_OPERATIONS = 200_000

_KINDS = {
    "convolution": ("Conv", "ConvTranspose", "ConvInteger", "QLinearConv", "DeformConv"),
    "linear": ("Gemm", "MatMul", "MatMulInteger", "QLinearMatMul"),
    "sigmoid": ("Sigmoid", "HardSigmoid"),
    "tanh": ("Tanh",),
    "softmax": ("Softmax", "LogSoftmax"),
    "activation": (
        "Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Gelu", "Celu", "Clip", "HardSwish", "Mish", "Softplus",
        "Softsign", "ThresholdedRelu",
    ),
    "add": ("Add", "Sub", "Sum", "Concat", "Mul"),
    "reshape": ("Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Split", "Slice", "Expand"),
    "normalization": ("BatchNormalization", "BatchNormInternal"),
}  # fmt: skip
_KIND_OF = {name: kind for kind, names in _KINDS.items() for name in names}
_PASSING = frozenset({"Identity", "Cast"})
_RESHAPING = frozenset({"Reshape", "Squeeze", "Unsqueeze", "Flatten"})
_STANDARD = frozenset({"", "ai.onnx"})
_ORT_TRAINING = "BatchNormInternal"

Attributes: TypeAlias = Mapping[str, Any]


@dataclass(eq=False)
class Op(Link):
    """One operation.

    Arguments:
        node: the NodeProto, for normalizations.
        attributes: the node's, by name.
        tensors: the constants among a normalization's inputs, by position.
    """

    node: Any = None
    attributes: Attributes = field(default_factory=dict)
    tensors: Mapping[int, Tensor] = field(default_factory=dict)


Value: TypeAlias = Op | Tensor
Scope: TypeAlias = ChainMap[str, Value]
"""Values by name: a graph sees those of the graphs around it, a function only its arguments."""


def normalizations(model: Model) -> list[Op]:
    """The batch normalizations of a model, in its order, connected to what surrounds them.

    Raises:
        UnusableInputError: its functions call each other for ever, or it unfolds to absurdly many operations.
    """
    flat = _Flat(model)
    scope = Scope({**{name: Op("input", name) for name in model.inputs}, **model.tensors})
    flat.body(model.nodes, scope, {}, 0)
    for name in model.outputs:
        flat.add(Op("output", "output"), [scope.get(name)])
    return flat.found


class _Flat:
    def __init__(self, model: Model) -> None:
        self.found: list[Op] = []
        self._model = model
        self._count = 0

    def add(self, op: Op, inputs: Iterable[Value | None]) -> Op:
        """Connects an operation to what it reads."""
        self._count += 1
        if self._count > MOST_OPERATIONS:
            raise UnusableInputError(f"{self._model.path}: unfolds to more than {MOST_OPERATIONS} operations")
        op.connect(each for each in inputs if isinstance(each, Op))
        return op

    def body(self, nodes: Iterable[Any], scope: Scope, given: Attributes, depth: int) -> None:
        """Adds all nodes of a graph or function; `scope` has the values by name, and gets those that they compute."""
        if depth > MOST_DEPTH:
            raise UnusableInputError(f"{self._model.path}: its graphs and functions nest deeper than {MOST_DEPTH}")
        for node in nodes:
            attributes = {each.name: given.get(each.ref_attr_name, each) for each in node.attribute}
            values = [scope.get(name) if name else None for name in node.input]
            function = self._model.functions.get((node.domain, node.op_type))
            if function is not None:
                self._call(function, node, values, attributes, scope, depth)
                continue
            result = self._value(node, values, attributes, scope, depth)
            for name in node.output:
                if name:
                    scope[name] = result

    def _call(
        self,
        function: Any,
        node: Any,
        values: list[Value | None],
        attributes: Attributes,
        scope: Scope,
        depth: int,
    ) -> None:
        inner = Scope()
        for name, value in zip(function.input, values, strict=False):
            if value is not None:
                inner[name] = value
        defaults = {each.name: each for each in function.attribute_proto}
        self.body(function.node, inner, {**defaults, **attributes}, depth + 1)
        for name, returned in zip(node.output, function.output, strict=False):
            if name and returned in inner:
                scope[name] = inner[returned]

    def _value(
        self,
        node: Any,
        values: list[Value | None],
        attributes: Attributes,
        scope: Scope,
        depth: int,
    ) -> Value:
        if node.domain in _STANDARD:
            if node.op_type == "Constant" and "value" in attributes:
                return tensor_of(attributes["value"].t, self._model.path)
            first = values[0] if values else None
            # One value per channel stays one whatever its axes, which is all that is asked of a constant.
            passes = _PASSING | _RESHAPING if isinstance(first, Tensor) else _PASSING
            if node.op_type in passes and first is not None:
                return first
        name = node.name or next(iter(node.output), "")
        op = Op(self._kind(node, values, attributes), name, bias=_bias(node, values), node=node, attributes=attributes)
        if op.kind == "normalization":
            op.tensors = {at: each for at, each in enumerate(values) if isinstance(each, Tensor)}
            self.found.append(op)
        inner = [result for each in attributes.values() for result in self._graphs(each, values, scope, depth)]
        return self.add(op, [*values, *inner])

    def _graphs(self, attribute: Any, values: list[Value | None], scope: Scope, depth: int) -> list[Value | None]:
        """What the bodies of a condition or loop return; a loop's take its inputs, in order."""
        results: list[Value | None] = []
        for graph in [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]:
            inner = scope.new_child({each.name: tensor_of(each, self._model.path) for each in graph.initializer})
            for formal, value in zip(graph.input, values, strict=False):
                inner[formal.name] = value if value is not None else Op("input", formal.name)
            self.body(graph.node, inner, {}, depth + 1)
            results += [inner.get(each.name) for each in graph.output]
        return results

    def _kind(self, node: Any, values: list[Value | None], attributes: Attributes) -> str:
        if node.op_type == "Dropout" and node.domain in _STANDARD:
            return "dropout" if _drops(values, attributes, self._model.opset) else "reshape"
        if node.domain in _STANDARD or node.op_type == _ORT_TRAINING:
            return _KIND_OF.get(node.op_type, "other")
        return "other"


def _drops(values: list[Value | None], attributes: Attributes, opset: int) -> bool:
    """Whether a Dropout node drops anything when the model runs."""
    if opset < 7:
        return "is_test" not in attributes or not attributes["is_test"].i
    mode = values[2] if len(values) > 2 else None
    return isinstance(mode, Op) or (isinstance(mode, Tensor) and bool(mode.load().any()))


def _bias(node: Any, values: list[Value | None]) -> bool:
    """Whether a node adds a constant per channel: a third input, or a constant summand."""
    if node.op_type in ("Conv", "ConvTranspose", "Gemm"):
        return len(values) > 2 and isinstance(values[2], Tensor)
    if node.op_type == "Add":
        constants = [each for each in values if isinstance(each, Tensor)]
        return len(constants) == 1 and sum(length > 1 for length in constants[0].shape) == 1
    return False
