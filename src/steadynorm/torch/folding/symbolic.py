"""The flow of a model by torch.fx, which follows its code with symbols for the inputs."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import fx, nn

from steadynorm.torch.batches import tensors_of
from steadynorm.torch.folding.calls import Call, Flow, first_paths, in_words
from steadynorm.torch.folding.example import arguments_of
from steadynorm.torch.folding.kinds import takes
from steadynorm.torch.layers import is_normalization


def traced(model: nn.Module, example: Any) -> Flow:
    """Follow the code of a model for every input; arguments without tensors are those of the example.

    Args:
        model: a copy, which the tracer may change.
        example: what it is called with.

    Raises:
        Exception: whatever code that asks for the values of a symbol ends in.
    """
    graph = _Tracer().trace(model, concrete_args=_fixed(model, example))
    paths, calls, flow = first_paths(model), dict[fx.Node, Call](), Flow()
    for node in graph.nodes:
        if node.op == "get_attr":
            continue
        call = calls[node] = _call(node, paths)
        flow.calls.append(call)
        for each in node.all_input_nodes:
            if each.op == "get_attr":
                layer = paths.get(str(each.target).rpartition(".")[0])
                if layer is not None:
                    flow.readers.setdefault(layer, call.name)
            else:
                call.read(calls[each])
    return flow


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return takes(m) or is_normalization(m) or super().is_leaf_module(m, module_qualified_name)


def _fixed(model: nn.Module, example: Any) -> dict[str, Any] | None:
    """The arguments that have no tensors in them, with their values."""
    args, kwargs = arguments_of(example)
    signature = inspect.signature(model.forward)
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    gathering = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {
        name: value
        for name, value in bound.arguments.items()
        if signature.parameters[name].kind not in gathering and next(tensors_of(value), None) is None
    } or None


def _call(node: fx.Node, paths: Any) -> Call:
    if node.op in ("placeholder", "output"):
        return Call("the model's input" if node.op == "placeholder" else "the model's output")
    if node.op == "call_module":
        layer = paths[str(node.target)]
        is_plain = len(node.args) == 1 and not node.kwargs
        return Call(repr(layer), layer, is_plain=is_plain)
    function = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
    stack = list(node.meta.get("nn_module_stack", {}).values())
    is_norm = node.target in (nn.functional.batch_norm, torch.batch_norm)
    return Call(in_words(function, stack[-1][0] if stack else ""), is_norm_function=is_norm)
