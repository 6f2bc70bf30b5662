"""A recorded forward pass as a network to be drawn: its operations, in the modules that called them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from steadynorm.drawing.building import NetworkBuilder
from steadynorm.drawing.inputs import input_labels
from steadynorm.drawing.network import MOST_DEPTH, Network, Scope, Shape
from steadynorm.torch.batches import tensors_of
from steadynorm.torch.dataflow import Recorder, Traced


def traced_network(
    recorder: Recorder, model: nn.Module, layers: Mapping[str, nn.Module], batch: Any, output: Any
) -> Network:
    """The network that was recorded, with what is in the model and not in it.

    Arguments:
        recorder: it has recorded one forward pass, with gradients.
        model: what ran.
        layers: its normalization layers.
        batch: what it was given.
        output: what it returned.
    """
    return _Reading(recorder, model, layers, batch, _without_gradient(model, output)).network()


def _without_gradient(model: nn.Module, output: Any) -> frozenset[str] | None:
    """Parameters that are trained and that no gradient of the output arrives at; `None` if that cannot be told.

    An output without any gradient was computed for inference, which says nothing about training.
    """
    named = {name: each for name, each in model.named_parameters() if each.requires_grad and not is_lazy(each)}
    ends = [tensor for tensor in tensors_of(output) if tensor.requires_grad]
    if not ends or not named:
        return None
    try:
        found = torch.autograd.grad(ends, list(named.values()), list(map(torch.ones_like, ends)), allow_unused=True)
    except RuntimeError:  # an operation of the model's own may have no derivative
        return None
    return frozenset(name for name, gradient in zip(named, found, strict=True) if gradient is None)


class _Reading:
    def __init__(
        self,
        recorder: Recorder,
        model: nn.Module,
        layers: Mapping[str, nn.Module],
        batch: Any,
        without: frozenset[str] | None,
    ) -> None:
        self._recorder, self._layers, self._without = recorder, layers, without
        self._modules = dict(model.named_modules())
        parameters = dict(model.named_parameters())
        self._names = {id(each): name for name, each in parameters.items()}
        self._state = {id(each) for each in model.buffers()}
        # Of a model that is all frozen it says nothing that a weight has no gradient.
        is_trained = any(each.requires_grad for each in parameters.values())
        frozen = {name for name, each in parameters.items() if is_trained and not each.requires_grad}
        self._lacking = frozen | (without or frozenset())
        self._read = {id(each): each for node in recorder.nodes for each in node.outside}
        self._inputs = input_labels(batch, tensors_of(batch), self._read)
        self._site = {node: site for site, node in recorder.sites.items()}
        self._calls = Counter(node.module for node in recorder.nodes if node not in self._site)
        self._drawn: dict[Traced, str] = {}
        self._built = NetworkBuilder()

    def network(self) -> Network:
        given = {at: self._built.add_input(label, tuple(self._read[at].shape)) for at, label in self._inputs.items()}
        for node in self._recorder.nodes:
            if self._is_drawn(node):
                scope, label, kind = self._place(node)
                layer = self._site[node][0] if node in self._site else None
                name = self._built.add(scope, label, kind, node.shape, self._note(node), layer=layer)
                self._built.connect(self._sources(node, given), name)
                self._drawn[node] = name
        self._add_left_over()
        return self._built.network()

    def _is_drawn(self, node: Traced) -> bool:
        """Whether inputs or parameters go into it, and not only what the code makes by itself."""
        known = self._inputs.keys() | self._names.keys()
        return any(each in self._drawn for each in node.inputs) or any(id(each) in known for each in node.outside)

    def _sources(self, node: Traced, given: Mapping[int, str]) -> Iterator[tuple[str, Shape]]:
        """The vertices that a node reads, with the shapes of what it reads."""
        for tensor in node.outside:
            if id(tensor) in given:
                yield given[id(tensor)], tuple(tensor.shape)
        for source, shape in zip(node.inputs, node.taken, strict=True):
            if source in self._drawn:
                yield self._drawn[source], shape

    def _place(self, node: Traced) -> tuple[Scope, str, str]:
        """The blocks that a node is in, what it is called in them, and what it is."""
        path, _ = node.module
        if node.kind == "output":
            return (), "output", "output"
        if node in self._site:
            return _scope(path), self._site[node][0].rpartition(".")[2] or node.function, node.function
        module = self._modules.get(path)
        if path and module is not None and self._calls[node.module] == 1 and next(module.children(), None) is None:
            *scope, label = _scope(path)
            return tuple(scope), label, type(module).__name__
        function = node.function.strip("_") or node.function
        return _scope(path), function, function

    def _note(self, node: Traced) -> str:
        names = [self._names[id(each)] for each in node.outside if id(each) in self._names]
        if node in self._site:
            layer = self._layers[self._site[node][0]]
            names = [self._names[id(each)] for each in layer.parameters(recurse=False) if id(each) in self._names]
        lacking = [each.rpartition(".")[2] for each in names if each in self._lacking]
        notes = [f"no gradient to {' and '.join(lacking)}"] if lacking else []
        is_written = node.function.endswith("_") and any(id(each) in self._state for each in node.outside)
        if node.kind != "output" and not (node.readers or node.leaves or is_written):
            notes.append("nothing reads it")
        return ", ".join(notes)

    def _add_left_over(self) -> None:
        """Adds layers with parameters that were never called, and parameters of others that nothing reads."""
        called = {name for name, _ in self._recorder.sites}
        for path, module in self._modules.items():
            if path in called or self._is_compiled(path):
                continue
            unread = {name: each for name, each in module.named_parameters(recurse=False) if not self._is_read(each)}
            if path not in self._recorder.entered and (unread or path in self._layers):
                *scope, label = _scope(path) or (type(module).__name__,)
                layer = path if path in self._layers else None
                self._built.add(tuple(scope), label, type(module).__name__, None, "never called", layer=layer)
                continue
            for label, each in unread.items():
                shape = None if is_lazy(each) else tuple(each.shape)
                self._built.add(_scope(path), label, "Parameter", shape, "no gradient: nothing reads it")

    def _is_read(self, parameter: Tensor) -> bool:
        """Whether something was seen to read it, or a gradient arrives all the same, as in code of another language."""
        named = self._names.get(id(parameter))
        arrives = self._without is not None and parameter.requires_grad and named not in self._without
        return id(parameter) in self._read or arrives

    def _is_compiled(self, path: str) -> bool:
        parts = path.split(".")
        around = (".".join(parts[:end]) for end in range(len(parts) + 1))
        return any(isinstance(self._modules.get(each), torch.jit.ScriptModule) for each in around)


def _scope(path: str) -> Scope:
    return tuple(each for each in path.split(".", MOST_DEPTH) if each)
