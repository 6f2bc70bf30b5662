"""The graph of an exported PyTorch program, from its JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from steadynorm.graphs.program_json import Json, Names, at, dicts_in, module_of, names_of, outputs_of, tensors_in
from steadynorm.graphs.torch_flow import Normalization, Step, graph_of, layer_name
from steadynorm.recorded import Graph

Shapes: TypeAlias = Mapping[str, tuple[tuple[int, ...], str]]
"""By name of a weight: its shape and type."""

_NORMALIZING = {
    "batch_norm", "native_batch_norm", "cudnn_batch_norm", "miopen_batch_norm", "_native_batch_norm_legit",
    "_native_batch_norm_legit_functional", "_native_batch_norm_legit_no_training", "_batch_norm_with_update",
    "_batch_norm_with_update_functional", "_batch_norm_no_update", "_batch_norm_impl_index",
}  # fmt: skip
_NO_TRAINING = {"_native_batch_norm_legit_no_training", "_batch_norm_no_update"}
_ALWAYS_TRAINING = {"_batch_norm_with_update", "_batch_norm_with_update_functional"}


def program_graph(model: Json, shapes: Shapes) -> tuple[Graph | None, dict[str, object]]:
    """What the graph of a program says about normalization, and its normalization modules as facts.

    Arguments:
        model: the program's JSON.
        shapes: its weights.

    Returns:
        the graph, `None` if the JSON has none, and the facts.
    """
    module = at(model, "graph_module")
    graph = at(module, "graph")
    nodes = graph.get("nodes")
    if not isinstance(nodes, list):
        return None, {}
    names = names_of(at(module, "signature"))
    steps: list[Step] = []
    producers: dict[str, str] = {}
    for index, node in enumerate(nodes):
        if isinstance(node, dict):
            step = _step(node, index, names, producers, shapes)
            for name in tensors_in(node.get("outputs")):
                # A result that no activation went into, as a permuted weight, is no place to look back to.
                if step.reads or not _only_weights(node, names, producers):
                    producers[name] = step.name
            steps.append(step)
    outputs = [producers[name] for name in outputs_of(module, graph) if name in producers]
    steps = [step for step in steps if step.name in set(producers.values())]
    versions = {"torch_version": model["torch_version"]} if isinstance(model.get("torch_version"), str) else {}
    return graph_of(steps, outputs), {"modules": _modules(steps), **versions}


def _modules(steps: list[Step]) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    for step in steps:
        norm = step.normalization
        if norm is not None:
            found.setdefault(
                norm.layer,
                {
                    "class": norm.kind,
                    "eps": norm.epsilon,
                    "momentum": norm.momentum,
                    "track_running_stats": norm.mean is not None,
                    "affine": norm.gamma is not None,
                },
            )
    return found


def _step(node: Json, index: int, names: Names, producers: Mapping[str, str], shapes: Shapes) -> Step:
    arguments = {str(each.get("name")): each.get("arg") for each in dicts_in(node.get("inputs"))}
    path = str(node.get("target", "")).split(".")
    operation = path[-2] if len(path) >= 2 and path[-3:-2] == ["aten"] else path[-1]
    given = [name for each in arguments.values() for name in tensors_in([each])]
    reads = tuple(dict.fromkeys(producers[name] for name in given if name in producers))
    outputs = list(tensors_in(node.get("outputs")))
    name = str(node["name"]) if isinstance(node.get("name"), str) else (outputs[0] if outputs else f"node{index}")
    place, kind = module_of(node)
    bias_at = "self" if operation == "addmm" else "bias"
    bias = operation in _WITH_BIAS and _weight(arguments.get(bias_at), names) is not None
    norm = None
    if operation in _NORMALIZING and "InstanceNorm" not in kind:
        norm = _normalization(operation, arguments, names, shapes, place, kind, name)
    return Step(name, operation, reads, place, bias, norm)


_WITH_BIAS = {"conv1d", "conv2d", "conv3d", "convolution", "_convolution", "linear", "addmm"} | {
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
}


def _normalization(
    operation: str, arguments: Json, names: Names, shapes: Shapes, place: str, kind: str, node: str
) -> Normalization:
    gamma, beta, mean, variance = (
        _weight(arguments.get(each), names) for each in ("weight", "bias", "running_mean", "running_var")
    )
    given = arguments.get("training")
    training = _flag(given)
    if operation in _NO_TRAINING:
        training = False
    elif operation in _ALWAYS_TRAINING:
        training = True
    known = next((shapes[each] for each in (mean, gamma, beta) if each is not None and each in shapes), ((0,), ""))
    in_place = not operation.endswith("_functional")
    return Normalization(
        layer=layer_name(mean, gamma, place, node),
        kind=kind.rpartition(".")[2] or operation,
        gamma=gamma,
        beta=beta,
        mean=mean,
        variance=variance,
        training=training,
        momentum=_number(arguments.get("momentum")),
        epsilon=_number(arguments.get("eps")),
        channels=known[0][0] if len(known[0]) == 1 else 0,
        dtype=known[1] or "float32",
        updates=in_place or mean in names.written,
    )


def _only_weights(node: Json, names: Names, producers: Mapping[str, str]) -> bool:
    given = [name for each in dicts_in(node.get("inputs")) for name in tensors_in([each.get("arg")])]
    return bool(given) and all(name in names.weights for name in given)


def _weight(argument: object, names: Names) -> str | None:
    return next((names.weights[name] for name in tensors_in([argument]) if name in names.weights), None)


def _flag(argument: object) -> bool | None:
    value = argument.get("as_bool") if isinstance(argument, dict) else None
    return value if isinstance(value, bool) else None


def _number(argument: object) -> float | None:
    if not isinstance(argument, dict):
        return None
    value = argument.get("as_float", argument.get("as_int"))
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
