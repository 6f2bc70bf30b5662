"""An ONNX file's graph, functions and tensors; what is large and not needed stays in the file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from steadynorm.artifacts.contents import Tensor
from steadynorm.artifacts.onnx_messages import messages
from steadynorm.artifacts.onnx_tensors import read_tensor
from steadynorm.artifacts.protobuf import parse
from steadynorm.artifacts.source import Source
from steadynorm.artifacts.wire import Field, fields
from steadynorm.errors import UnusableInputError

MOST_NODES = 200_000
MOST_NODE = 1 << 20
"""Of a larger node, the tensors among its attributes are left in the file."""
MOST_READ = 1 << 28

_MODEL = {"opset": 8, "graph": 7, "function": 25}
_GRAPH = {"node": 1, "initializer": 5, "input": 11, "output": 12, "value": 13}
_ATTRIBUTE, _TENSOR = 5, 5


@dataclass(slots=True)
class Model:
    """What a model file holds.

    Arguments:
        path: the file.
        opset: the version of the standard operators.
        nodes: the main graph's, as NodeProtos.
        tensors: its initializers by name.
        inputs: the graph's inputs.
        outputs: the graph's outputs.
        functions: FunctionProtos by domain and name.
        shapes: by name, the shapes of inputs, outputs and other values that the file tells, −1 for an unknown size.
    """

    path: str
    opset: int = 1
    nodes: list[Any] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    functions: dict[tuple[str, str], Any] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)


def read_model(source: Source) -> Model:
    """Reads a ModelProto.

    Raises:
        UnusableInputError: it is damaged, has no graph, or too much of it would have to be read.
    """
    model, reading = Model(source.path), _Reading(source)
    graphs = []
    for each in fields(source, 0, source.size):
        if each.number == _MODEL["graph"]:
            graphs.append(each)
        elif each.number == _MODEL["opset"]:
            opset = reading.message("OperatorSetIdProto", each)
            if opset.domain in ("", "ai.onnx"):
                model.opset = opset.version
        elif each.number == _MODEL["function"]:
            function = reading.message("FunctionProto", each)
            model.functions[function.domain, function.name] = function
    if len(graphs) != 1:
        raise UnusableInputError(f"{source.path}: has {len(graphs)} graphs; expected one, as a complete ONNX model has")
    initializers = 0
    for each in fields(source, graphs[0].start, graphs[0].stop):
        if each.number == _GRAPH["node"]:
            model.nodes.append(reading.node(each))
        elif each.number == _GRAPH["initializer"]:
            tensor = read_tensor(source, each)
            model.tensors[tensor.name] = tensor
            initializers += 1
        elif each.number in (_GRAPH["input"], _GRAPH["output"], _GRAPH["value"]):
            value = reading.message("ValueInfoProto", each)
            if value.type.tensor_type.HasField("shape"):
                model.shapes[value.name] = tuple(size.dim_value or -1 for size in value.type.tensor_type.shape.dim)
            if each.number != _GRAPH["value"]:
                (model.inputs if each.number == _GRAPH["input"] else model.outputs).append(value.name)
        if len(model.nodes) + initializers > MOST_NODES:
            raise UnusableInputError(f"{source.path}: has more than {MOST_NODES} nodes")
    return model


class _Reading:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._read = 0

    def message(self, kind: str, found: Field) -> Any:
        return self._parsed(kind, [found], found.size)

    def node(self, found: Field) -> Any:
        """A NodeProto, without its tensors if it is large."""
        if found.size <= MOST_NODE:
            return self.message("NodeProto", found)
        parts = [each for each in fields(self._source, found.start, found.stop) if not self._is_tensor(each)]
        return self._parsed("NodeProto", parts, sum(each.size for each in parts), whole=True)

    def _is_tensor(self, found: Field) -> bool:
        if found.number != _ATTRIBUTE or found.size <= MOST_NODE:
            return False
        return any(
            each.number == _TENSOR and each.size > MOST_NODE for each in fields(self._source, found.start, found.stop)
        )

    def _parsed(self, kind: str, parts: list[Field], size: int, whole: bool = False) -> Any:
        self._read += size
        if self._read > MOST_READ:
            raise UnusableInputError(
                f"{self._source.path}: its nodes take more than {MOST_READ} bytes without the model's tensors"
            )
        data = b"".join(self._source.read(each.begin if whole else each.start, each.stop) for each in parts)
        return parse(messages()[kind], data, self._source.path, f"a {kind}", self._source.budget)
