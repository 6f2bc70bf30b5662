"""A recorded call of a model as a network to be drawn: its layers and operations, in the layers that called them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras

from steadynorm import nests
from steadynorm.drawing.building import NetworkBuilder
from steadynorm.drawing.inputs import input_labels
from steadynorm.drawing.network import MOST_DEPTH, Network, Scope, Shape
from steadynorm.keras.calling import Calling
from steadynorm.keras.dataflow import Recorder, Traced
from steadynorm.keras.differentiation import gradients
from steadynorm.keras.layers import named_layers


def traced_network(recorder: Recorder, calling: Calling, layers: Mapping[str, Any], given: Any, batch: Any) -> Network:
    """The network that was recorded, with what is in the model and not in it.

    Arguments:
        recorder: it has recorded one call.
        calling: the model and the subject's functions.
        layers: its normalization layers.
        given: what the model was given while it was recorded.
        batch: the batch that this is a copy of.
    """
    return _Reading(recorder, calling.subject.model, layers, given, _without_gradient(calling, batch)).network()


def parameters(model: Any) -> Iterator[tuple[str, Any, Any]]:
    """The path of its layer, the layer and the variable of everything that was made to be trained."""
    for path, layer in {"": model, **named_layers(model)}.items():
        for each in layer._trainable_variables:
            yield path, layer, each


def _without_gradient(calling: Calling, batch: Any) -> frozenset[int] | None:
    """Variables, by identity, that are trained and that no gradient of the output arrives at; `None` if unknown."""
    trained = {id(each): each for each in calling.subject.model.trainable_variables}
    if not trained:
        return None
    try:
        _, found = gradients(calling, batch, list(trained.values()), _total)
    except Exception:  # an operation of the model's own may have no derivative; nothing is said of gradients then
        return None
    without = frozenset(each for each, gradient in zip(trained, found, strict=True) if gradient is None)
    # A call that records no gradient at all was made for inference, which says nothing about training.
    return None if len(without) == len(trained) else without


def _total(output: Any) -> Any:
    tensors = [each for each in nests.leaves(output, keras.ops.is_tensor) if "float" in str(each.dtype)]
    return sum(keras.ops.sum(keras.ops.cast(each, "float32")) for each in tensors)


class _Reading:
    def __init__(
        self, recorder: Recorder, model: Any, layers: Mapping[str, Any], given: Any, without: frozenset[int] | None
    ) -> None:
        self._recorder, self._layers, self._model, self._without = recorder, layers, model, without
        owned = list(parameters(model))
        trained = {id(each) for each in model.trainable_variables}
        # Of a model that is all frozen it says nothing that a weight has no gradient.
        frozen = {id(each) for *_, each in owned if id(each) not in trained} if trained else set()
        self._lacking = frozen | (without or frozenset())
        self._outside = {id(each): each for node in recorder.nodes for each in node.outside}
        symbols = nests.leaves(given, lambda each: isinstance(each, keras.KerasTensor))
        self._inputs = input_labels(given, symbols, self._outside)
        self._site = {node: site for site, node in recorder.sites.items()}
        self._drawn: dict[Traced, str] = {}
        self._built = NetworkBuilder()

    def network(self) -> Network:
        shapes = {at: _shape(self._outside[at].shape) for at in self._inputs}
        given = {at: self._built.add_input(label, shapes[at]) for at, label in self._inputs.items()}
        for node in self._recorder.nodes:
            sources = list(self._sources(node, given))
            if node.function == "ConvertToTensor" and len(sources) == 1:
                self._drawn[node] = sources[0][0]  # of what is one already
                continue
            scope, label = self._place(node)
            layer = self._site[node][0] if node in self._site else None
            kind = node.function or node.kind
            name = self._built.add(scope, label, kind, _shape(node.shape), self._note(node), layer=layer)
            self._built.connect(sources, name)
            self._drawn[node] = name
        self._add_left_over()
        return self._built.network()

    def _sources(self, node: Traced, given: Mapping[int, str]) -> Iterator[tuple[str, Shape]]:
        """The vertices that a node reads, with the shapes of what it reads."""
        for tensor in node.outside:
            if id(tensor) in given:
                yield given[id(tensor)], _shape(tensor.shape)
        for source, shape in zip(node.inputs, node.taken, strict=True):
            yield self._drawn[source], _shape(shape)

    def _place(self, node: Traced) -> tuple[Scope, str]:
        """The blocks that a node is in, and what it is called in them."""
        if node.kind == "output":
            return (), "output"
        if node.layer is not None:
            return _scope(node.module), node.name.rpartition("/")[2]
        return _scope(node.module), node.function

    def _note(self, node: Traced) -> str:
        own = node.layer._trainable_variables if node.layer is not None else []
        lacking = [each.name for each in (*own, *node.variables) if id(each) in self._lacking]
        notes = [f"no gradient to {' and '.join(lacking)}"] if lacking else []
        if node.kind != "output" and not node.readers:
            notes.append("nothing reads it")
        return ", ".join(notes)

    def _add_left_over(self) -> None:
        """Adds layers with variables that were never called, and variables of others that nothing reads."""
        called = {id(node.layer): node.name for node in self._recorder.nodes if node.layer is not None}
        within = tuple(f"{name}/" for name in called.values())  # a loop over time is one operation
        read = {id(each) for node in self._recorder.nodes for each in node.variables}
        for path, layer in {"": self._model, **named_layers(self._model)}.items():
            own: Sequence[Any] = [each for each in layer._trainable_variables if id(each) not in read]
            unused = [each for each in own if not self._arrives(each)]
            if id(layer) in called or path.startswith(within) or not (unused or path in self._layers):
                continue
            if self._recorder.is_composite(layer):
                for each in unused:
                    note = "no gradient: nothing reads it"
                    self._built.add(_scope(path), each.name, "Parameter", _shape(each.shape), note)
            else:
                *scope, label = _scope(path) or (layer.name,)
                known = path if path in self._layers else None
                self._built.add(tuple(scope), label, type(layer).__name__, None, "never called", layer=known)

    def _arrives(self, variable: Any) -> bool:
        """Whether a gradient arrives at a variable, whoever reads it."""
        return self._without is not None and variable.trainable and id(variable) not in self._without


def _shape(sizes: Any) -> Shape:
    return None if sizes is None else tuple(-1 if size is None else int(size) for size in sizes)


def _scope(path: str) -> Scope:
    return tuple(each for each in path.split("/", MOST_DEPTH) if each)
