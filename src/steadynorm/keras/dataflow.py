"""What a model computes, recorded while it is called on symbolic tensors; what is before and after each layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import keras
from keras.src.layers import layer as layer_module
from keras.src.ops import operation as operation_module

from steadynorm import nests
from steadynorm.chains import chain_after, chain_before
from steadynorm.evidence import CallSite, Operation
from steadynorm.keras.calls import replaced
from steadynorm.keras.layers import named_layers, sublayers
from steadynorm.passes import Site

Shape: TypeAlias = tuple[int | None, ...] | None

_KINDS = {
    "convolution": (
        "Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", "DepthwiseConv1D",
        "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D", "Conv", "ConvTranspose", "DepthwiseConv",
        "SeparableConv",
    ),
    "linear": ("Dense", "EinsumDense", "Matmul", "Einsum", "Dot", "Tensordot"),
    "dropout": (
        "Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "GaussianDropout", "AlphaDropout",
    ),
    "sigmoid": ("Sigmoid",),
    "tanh": ("Tanh",),
    "softmax": ("Softmax", "LogSoftmax"),
    "activation": (
        "ReLU", "Relu", "Relu6", "LeakyReLU", "LeakyRelu", "PReLU", "ELU", "Elu", "Selu", "Gelu", "Silu", "Mish",
        "HardSilu", "Celu", "HardSigmoid", "Softplus", "Softsign",
    ),
    "add": ("Add", "Subtract", "Average", "Concatenate", "Stack"),
    "reshape": (
        "Flatten", "Reshape", "Permute", "Transpose", "Squeeze", "ExpandDims", "GetItem", "Cast", "Identity",
        "Moveaxis", "Ravel", "RepeatVector",
    ),
}  # fmt: skip
_KIND_OF = {name: kind for kind, names in _KINDS.items() for name in names}
_KIND_OF_ACTIVATION = {"sigmoid": "sigmoid", "tanh": "tanh", "softmax": "softmax", "log_softmax": "softmax"}


@dataclass(eq=False)
class Traced:
    """One operation or one call of a layer.

    Arguments:
        kind: as in `Operation`; `normalization` for a normalization layer.
        name: the layer's name, or the operation's.
        bias: whether it adds a trainable bias.
        function: the class of the layer or operation, or the function of an activation.
        module: the path of the layer whose code called it.
        layer: the layer that it is a call of, `None` for any other operation.
        shape: that of its first result, `None` for unknown sizes.
        inputs: what it reads.
        readers: what reads it.
        taken: the shapes of the tensors that it reads first of each of `inputs`.
        outside: the tensors that it reads and nothing that was recorded has made.
        variables: variables of other layers that it reads.
    """

    kind: str
    name: str
    bias: bool = False
    function: str = ""
    module: str = ""
    layer: Any = None
    shape: Shape = None
    inputs: list[Traced] = field(default_factory=list)
    readers: list[Traced] = field(default_factory=list)
    taken: list[Shape] = field(default_factory=list)
    outside: list[Any] = field(default_factory=list)
    variables: list[Any] = field(default_factory=list)

    def operation(self) -> Operation:
        """It as a step on the way into or out of a layer."""
        return Operation(self.kind, self.name, self.bias, len(self.readers))


class Recorder:
    """Records which operation reads what from where, while a model is called on symbolic tensors.

    Keras notes every operation on a symbolic tensor in a node on the layers concerned; here this note goes to the
    recorder instead, so that the layers stay as they are, and layers that are made of others are looked into.

    Arguments:
        model: the model; its layers' names are the operations'.
        layers: its normalization layers, each of which counts as one operation.
    """

    def __init__(self, model: Any, layers: Mapping[str, Any]) -> None:
        self._layers = {id(layer): name for name, layer in layers.items()}
        self._names = {id(layer): name for name, layer in named_layers(model).items()}
        held = [model, *named_layers(model).values()]
        self._composites = [each for each in held if id(each) not in self._layers and _is_composite(each)]
        self._skipped = {id(each) for each in self._composites}
        self._path: list[str] = []
        self._producer: dict[int, Traced] = {}
        self._alive: list[Any] = []  # an id names a tensor only while the tensor lives
        self._calls: Counter[str] = Counter()
        self.sites: dict[Site, Traced] = {}
        self.nodes: list[Traced] = []

    def record(self, forward: Callable[[Any], Any], batch: Any) -> Any:
        """Runs `forward` on a symbolic copy of a batch and records it, the output as last node; returns the copy."""
        symbolic = nests.transform(
            batch,
            lambda each: keras.KerasTensor(tuple(each.shape), keras.backend.standardize_dtype(each.dtype)),
            lambda value: hasattr(value, "shape") and hasattr(value, "dtype"),
        )
        with ExitStack() as stack:
            for module in (layer_module, operation_module):
                stack.enter_context(replaced(module, "Node", self._note))
            for layer in self._composites:
                stack.enter_context(self._looked_into(layer))
            output = forward(symbolic)
        end = Traced("output", "output")
        self.nodes.append(end)
        for tensor in _tensors(output):
            self._read(end, tensor)
        return symbolic

    def is_composite(self, layer: Any) -> bool:
        """Whether what is inside of a layer is recorded in its place."""
        return id(layer) in self._skipped

    def chains(self) -> dict[Site, CallSite]:
        """The call sites with their chains."""
        return {
            site: CallSite(site[0], site[1], before=chain_before(node), after=chain_after(node))
            for site, node in self.sites.items()
        }

    def _note(self, operation: Any, call_args: Any = None, call_kwargs: Any = None, outputs: Any = None) -> None:
        if id(operation) in self._skipped:
            return
        name = self._layers.get(id(operation))
        if name is not None:
            node = Traced("normalization", name)
            self.sites[name, self._calls[name]] = node
            self._calls[name] += 1
        else:
            node = Traced(_kind(operation), self._names.get(id(operation), operation.name), _has_bias(operation))
        node.function, node.module = type(operation).__name__, self._path[-1] if self._path else ""
        node.layer = operation if isinstance(operation, keras.Layer) else None
        given = [call_args, call_kwargs]
        node.variables = list(nests.leaves(given, lambda each: isinstance(each, keras.Variable)))
        for tensor in _tensors(given):
            self._read(node, tensor)
        made = list(_tensors(outputs))
        node.shape = tuple(made[0].shape) if made else None
        self.nodes.append(node)
        activation = _activation(operation)
        if activation is not None:
            function = getattr(operation.activation, "__name__", activation)
            after = Traced(activation, node.name, False, function, node.module, None, node.shape, [node])
            after.taken.append(node.shape)
            node.readers.append(after)
            self.nodes.append(after)
            node = after
        for tensor in made:
            self._alive.append(tensor)
            self._producer[id(tensor)] = node

    def _read(self, node: Traced, tensor: Any) -> None:
        source = self._producer.get(id(tensor))
        if source is None:
            node.outside.append(tensor)
        elif source not in node.inputs:
            node.inputs.append(source)
            node.taken.append(tuple(tensor.shape))
            source.readers.append(node)

    @contextmanager
    def _looked_into(self, layer: Any) -> Iterator[None]:
        path, call = self._names.get(id(layer), ""), layer.call

        def symbolic_call(*args: Any, **kwargs: Any) -> Any:
            self._path.append(path)
            try:
                return call(*args, **kwargs)
            finally:
                self._path.pop()

        attributes = vars(layer)
        before = dict(attributes)
        attributes["symbolic_call"] = symbolic_call
        try:
            yield
        finally:
            attributes.pop("symbolic_call")
            attributes.update({name: value for name, value in before.items() if name == "symbolic_call"})


def _tensors(value: Any) -> Iterator[Any]:
    return nests.leaves(value, lambda each: isinstance(each, keras.KerasTensor))


def _is_composite(layer: Any) -> bool:
    """Whether a layer only calls others, so that what happens is inside of it; loops over time are one operation."""
    loops = isinstance(layer, keras.layers.Wrapper | keras.layers.RNN)
    return not loops and (isinstance(layer, keras.Model) or bool(sublayers(layer)))


def _kind(operation: Any) -> str:
    if isinstance(operation, keras.layers.Activation):
        return _activation_kind(operation.activation)
    return _KIND_OF.get(type(operation).__name__, "other")


def _activation(operation: Any) -> str | None:
    """The activation that a layer applies to its own result, as Dense(activation="relu") does."""
    if isinstance(operation, keras.layers.Activation) or not isinstance(operation, keras.Layer):
        return None
    function = getattr(operation, "activation", None)
    return None if function is None or function is keras.activations.linear else _activation_kind(function)


def _activation_kind(function: Any) -> str:
    return _KIND_OF_ACTIVATION.get(getattr(function, "__name__", ""), "activation")


def _has_bias(operation: Any) -> bool:
    return _kind(operation) in ("convolution", "linear") and isinstance(
        getattr(operation, "bias", None), keras.Variable
    )
