"""The flow of a model by torch.export, which follows its code for one example."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import fx, nn

from steadynorm.torch.folding.calls import Call, Flow, first_paths, in_words
from steadynorm.torch.folding.example import arguments_of


def exported(model: nn.Module, example: Any) -> Flow:
    """Follow the code of a model for inputs like the example.

    Args:
        model: a copy, which is run.
        example: what it is called with.

    Raises:
        Exception: whatever torch.export ends in.
    """
    program = torch.export.export(model, *arguments_of(example), strict=False)
    signature = program.graph_signature
    state = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    return _Reading(model, state).flow(program.graph)


class _Reading:
    def __init__(self, model: nn.Module, state: Mapping[str, str]) -> None:
        self._paths, self._state = first_paths(model), state
        self._leaves = {path for path, each in model.named_modules() if next(each.children(), None) is None}
        self._calls: dict[fx.Node, Call] = {}
        self._keys: dict[Call, str] = {}
        self._flow = Flow()

    def flow(self, graph: fx.Graph) -> Flow:
        for node in graph.nodes:
            if node.name not in self._state:
                self._calls[node] = self._call(node)
                self._connect(node)
        return self._flow

    def _call(self, node: fx.Node) -> Call:
        """The call that an operation belongs to: that of a layer consists of one or more."""
        key, layer = self._place(node)
        if layer in self._leaves:
            for each in node.all_input_nodes:
                call = self._calls.get(each)
                if call is not None and self._keys.get(call) == key:
                    return call
        call = _new(node, layer, layer in self._leaves)
        self._keys[call] = key
        self._flow.calls.append(call)
        return call

    def _connect(self, node: fx.Node) -> None:
        call = self._calls[node]
        for each in node.all_input_nodes:
            if each in self._calls:
                call.read(self._calls[each])
                continue
            owner = self._paths.get(self._state[each.name].rpartition(".")[0])
            if owner is not None and owner != call.layer:
                self._flow.readers.setdefault(owner, call.name)

    def _place(self, node: fx.Node) -> tuple[str, str]:
        """What tells this call of a module from others, and the module's path."""
        stack = list(node.meta.get("nn_module_stack", {}).items())
        if not stack:
            return "", ""
        key, (path, _) = stack[-1]
        return key, self._paths.get(path.partition("@")[0], "")


def _new(node: fx.Node, layer: str, is_leaf: bool) -> Call:
    if node.op in ("placeholder", "output"):
        return Call("the model's input" if node.op == "placeholder" else "the model's output")
    if is_leaf:
        return Call(repr(layer), layer)
    function = str(getattr(node.target, "__name__", node.target)).partition(".")[0]
    return Call(in_words(function, layer), is_norm_function="batch_norm" in function)
