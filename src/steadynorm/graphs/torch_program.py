"""The graph of an exported PyTorch program, from its JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from steadynorm.graphs.torch_flow import Normalization, Step, graph_of, layer_name
from steadynorm.recorded import Graph

Json: TypeAlias = Mapping[str, object]
Shapes: TypeAlias = Mapping[str, tuple[tuple[int, ...], str]]
"""By name of a weight: its shape and type."""

_NORMALIZING = {
    "batch_norm", "native_batch_norm", "cudnn_batch_norm", "miopen_batch_norm", "_native_batch_norm_legit",
    "_native_batch_norm_legit_functional", "_native_batch_norm_legit_no_training", "_batch_norm_with_update",
    "_batch_norm_with_update_functional", "_batch_norm_no_update", "_batch_norm_impl_index",
}  # fmt: skip
_NO_TRAINING = {"_native_batch_norm_legit_no_training", "_batch_norm_no_update"}
_ALWAYS_TRAINING = {"_batch_norm_with_update", "_batch_norm_with_update_functional"}


@dataclass(frozen=True, slots=True)
class _Names:
    """By name in the graph: the name of the weight, and the weights that the program writes."""

    weights: Mapping[str, str]
    written: frozenset[str]


def program_graph(model: Json, shapes: Shapes) -> tuple[Graph | None, dict[str, object]]:
    """What the graph of a program says about normalization, and its normalization modules as facts.

    Arguments:
        model: the program's JSON.
        shapes: its weights.

    Returns:
        the graph, `None` if the JSON has none, and the facts.
    """
    module = _at(model, "graph_module")
    graph = _at(module, "graph")
    nodes = graph.get("nodes")
    if not isinstance(nodes, list):
        return None, {}
    names = _names(_at(module, "signature"))
    steps: list[Step] = []
    producers: dict[str, str] = {}
    for index, node in enumerate(nodes):
        if isinstance(node, dict):
            step = _step(node, index, names, producers, shapes)
            for name in _tensors(node.get("outputs")):
                # A result that no activation went into, as a permuted weight, is no place to look back to.
                if step.reads or not _only_weights(node, names, producers):
                    producers[name] = step.name
            steps.append(step)
    outputs = [producers[name] for name in _outputs(module, graph) if name in producers]
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


def _names(signature: Json) -> _Names:
    weights: dict[str, str] = {}
    for spec in _dicts(signature.get("input_specs")):
        for kind, called in (("parameter", "parameter_name"), ("buffer", "buffer_name")):
            given = spec.get(kind)
            if isinstance(given, dict) and isinstance(given.get(called), str):
                weights[_name(given.get("arg"))] = given[called]
    written = set()
    for spec in _dicts(signature.get("output_specs")):
        given = spec.get("buffer_mutation")
        if isinstance(given, dict) and isinstance(given.get("buffer_name"), str):
            written.add(given["buffer_name"])
    return _Names(weights, frozenset(written))


def _step(node: Json, index: int, names: _Names, producers: Mapping[str, str], shapes: Shapes) -> Step:
    arguments = {str(each.get("name")): each.get("arg") for each in _dicts(node.get("inputs"))}
    path = str(node.get("target", "")).split(".")
    operation = path[-2] if len(path) >= 2 and path[-3:-2] == ["aten"] else path[-1]
    given = [name for each in arguments.values() for name in _tensors([each])]
    reads = tuple(dict.fromkeys(producers[name] for name in given if name in producers))
    outputs = list(_tensors(node.get("outputs")))
    name = str(node["name"]) if isinstance(node.get("name"), str) else (outputs[0] if outputs else f"node{index}")
    place, kind = _module(node)
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
    operation: str, arguments: Json, names: _Names, shapes: Shapes, place: str, kind: str, node: str
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


def _module(node: Json) -> tuple[str, str]:
    """The module that a node was called in, and its class: "L__self__bn,bn,torch.nn.modules.batchnorm.BatchNorm2d"."""
    stack = _at(node, "metadata").get("nn_module_stack")
    if not isinstance(stack, str) or not stack:
        return "", ""
    parts = stack.rpartition(";")[2].split(",")
    return (parts[1], parts[2]) if len(parts) == 3 else ("", "")


def _outputs(module: Json, graph: Json) -> Iterator[str]:
    found = False
    for spec in _dicts(_at(module, "signature").get("output_specs")):
        given = spec.get("user_output")
        if isinstance(given, dict):
            found = True
            yield from _tensors([given.get("arg")])
    if not found:
        yield from _tensors(graph.get("outputs"))


def _only_weights(node: Json, names: _Names, producers: Mapping[str, str]) -> bool:
    given = [name for each in _dicts(node.get("inputs")) for name in _tensors([each.get("arg")])]
    return bool(given) and all(name in names.weights for name in given)


def _weight(argument: object, names: _Names) -> str | None:
    return next((names.weights[name] for name in _tensors([argument]) if name in names.weights), None)


def _flag(argument: object) -> bool | None:
    value = argument.get("as_bool") if isinstance(argument, dict) else None
    return value if isinstance(value, bool) else None


def _number(argument: object) -> float | None:
    if not isinstance(argument, dict):
        return None
    value = argument.get("as_float", argument.get("as_int"))
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _tensors(arguments: object) -> Iterator[str]:
    """The names of the tensors in arguments: {"as_tensor": {"name": …}}, or lists of them."""
    for each in arguments if isinstance(arguments, list) else ():
        if not isinstance(each, dict):
            continue
        for kind, value in each.items():
            if kind in ("as_tensor", "as_optional_tensor") and (name := _name(value)):
                yield name
            elif kind in ("as_tensors", "as_optional_tensors") and isinstance(value, list):
                yield from filter(None, (_name(one) for one in value))


def _name(value: object) -> str:
    inside = value.get("as_tensor", value) if isinstance(value, dict) else None
    name = inside.get("name") if isinstance(inside, dict) else None
    return name if isinstance(name, str) else ""


def _at(value: Json, name: str) -> Json:
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def _dicts(values: object) -> Iterator[dict[str, object]]:
    for each in values if isinstance(values, list) else ():
        if isinstance(each, dict):
            yield each
