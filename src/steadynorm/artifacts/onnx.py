"""ONNX models: their batch normalizations, with the statistics that they were exported with."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from steadynorm.artifacts import onnx_graph
from steadynorm.artifacts.contents import Contents, Tensor
from steadynorm.artifacts.onnx_file import Model, read_model
from steadynorm.artifacts.onnx_graph import Op
from steadynorm.artifacts.places import shortened
from steadynorm.artifacts.source import Source
from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Mode
from steadynorm.norm.config import NormConfig
from steadynorm.recorded import Graph, GraphLayer, Use

_ROLES = {1: "gamma", 2: "beta", 3: "moving_mean", 4: "moving_variance"}
_DEFAULTS = {"epsilon": 1e-5, "momentum": 0.9}
_TRAINING_MODE_SINCE, _MODE_BY_OUTPUTS_SINCE = 14, 7


def read(source: Source) -> Contents:
    """What an ONNX model holds. One whose normalizations were folded into convolutions has none to check.

    Raises:
        UnusableInputError: it is damaged, or an attribute has an impossible value.
        ModuleNotFoundError: protobuf is not installed.
    """
    model = read_model(source)
    layers = _Layers(model)
    for op in onnx_graph.normalizations(model):
        layers.add(op)
    return Contents(
        format="ONNX model",
        framework="onnx",
        tensors=layers.tensors,
        graph=Graph(uses=tuple(layers.uses), layers=tuple(layers.layers.values()), inference_only=True, exported=True),
        facts={
            "configs": layers.configs,
            "assumed": layers.assumed,
            "kinds": {name: layer.kind for name, layer in layers.layers.items()},
            "names": layers.names,
            "opset": model.opset,
        },
    )


class _Layers:
    """The layers of a model; nodes with the same statistics are uses of one layer."""

    def __init__(self, model: Model) -> None:
        self.tensors = dict(model.tensors)
        self.uses: list[Use] = []
        self.layers: dict[str, GraphLayer] = {}
        self.configs: dict[str, NormConfig] = {}
        self.assumed: dict[str, frozenset[str]] = {}
        self.names: dict[str, str] = {}
        self._model = model
        self._taken: Counter[str] = Counter()
        self._of_statistics: dict[int, str] = {}

    def add(self, op: Op) -> None:
        """One node that normalizes."""
        statistics = op.tensors.get(3)
        name = None if statistics is None else self._of_statistics.get(id(statistics))
        if name is None:
            name = self._new_layer(op)
        if statistics is not None:
            self._of_statistics[id(statistics)] = name
        mode = Mode.BATCH if self._is_training(op) else Mode.POPULATION
        self.uses.append(Use(layer=name, node=op.name, mode=mode, before=op.before(), after=op.after()))

    def _new_layer(self, op: Op) -> str:
        name = self._unique(op.name)
        stored: dict[str, str] = {}
        for place, role in _ROLES.items():
            tensor = op.tensors.get(place)
            if tensor is None:
                continue
            stored[role] = f"{name}/{role}"
            self.names[stored[role]] = tensor.name
            self.tensors.pop(tensor.name, None)
            self.tensors[stored[role]] = _vector(tensor, stored[role])
        decay, epsilon = self._number(op, "momentum"), self._number(op, "epsilon")
        try:
            self.configs[name] = NormConfig(axis=1, decay=decay, epsilon=epsilon)
        except ValueError as error:
            raise UnusableInputError(
                f"{self._model.path}: the node {shortened(op.name)} has impossible options: {error}"
            ) from error
        missing = {"momentum": "decay", "epsilon": "epsilon"}
        self.assumed[name] = frozenset(option for given, option in missing.items() if given not in op.attributes)
        mean = op.tensors.get(3)
        self.layers[name] = GraphLayer(
            name=name,
            kind=op.node.op_type,
            channels=mean.shape[0] if mean is not None and len(mean.shape) == 1 else 0,
            gamma=stored.get("gamma"),
            beta=stored.get("beta"),
            mean=stored.get("moving_mean"),
            variance=stored.get("moving_variance"),
            epsilon=epsilon,
            decay=decay,
            dtype=mean.dtype if mean is not None else "float32",
        )
        return name

    def _unique(self, name: str) -> str:
        """The name, or with a number where it is taken: calls of one function have nodes of one name."""
        unique = name
        while unique in self.layers:
            self._taken[name] += 1
            unique = f"{name}_{self._taken[name] + 1}"
        return unique

    def _number(self, op: Op, name: str) -> float:
        # The file has 32 bits of it: 0.9 is meant where 0.899999976 stands.
        return float(f"{op.attributes[name].f:.7g}") if name in op.attributes else _DEFAULTS[name]

    def _is_training(self, op: Op) -> bool:
        """Whether a node normalizes by the batch; each generation of operators says so in its own way."""
        opset = self._model.opset
        if opset >= _TRAINING_MODE_SINCE or "training_mode" in op.attributes:
            return "training_mode" in op.attributes and bool(op.attributes["training_mode"].i)
        if opset >= _MODE_BY_OUTPUTS_SINCE:
            return sum(bool(each) for each in op.node.output) > 1
        return not ("is_test" in op.attributes and op.attributes["is_test"].i)


def _vector(tensor: Tensor, name: str) -> Tensor:
    """A statistic under its name here, as one value per channel however the model shapes it."""
    size = 1
    for length in tensor.shape:
        size *= length
    load = tensor.load
    return replace(tensor, name=name, shape=(size,), load=lambda: load().reshape(-1))
