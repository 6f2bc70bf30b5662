"""The JSON of an exported PyTorch program: its nodes, what they read and give, and which of it are weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

Json: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Names:
    """The weights of a program.

    Arguments:
        weights: by name in the graph, the names of parameters and buffers.
        written: those of the buffers that the program writes.
        parameters: which of the names in the graph are parameters.
    """

    weights: Mapping[str, str]
    written: frozenset[str]
    parameters: frozenset[str]


def names_of(signature: Json) -> Names:
    """The weights that a program has by its signature."""
    weights: dict[str, str] = {}
    parameters: set[str] = set()
    for spec in dicts_in(signature.get("input_specs")):
        for kind, called in (("parameter", "parameter_name"), ("buffer", "buffer_name")):
            given = spec.get(kind)
            if isinstance(given, dict) and isinstance(given.get(called), str):
                weights[name_of(given.get("arg"))] = given[called]
                parameters |= {name_of(given.get("arg"))} if kind == "parameter" else set()
    written = set()
    for spec in dicts_in(signature.get("output_specs")):
        given = spec.get("buffer_mutation")
        if isinstance(given, dict) and isinstance(given.get("buffer_name"), str):
            written.add(given["buffer_name"])
    return Names(weights, frozenset(written), frozenset(parameters))


def module_of(node: Json) -> tuple[str, str]:
    """The module that a node was called in, and its class: "L__self__bn,bn,torch.nn.modules.batchnorm.BatchNorm2d"."""
    stack = at(node, "metadata").get("nn_module_stack")
    if not isinstance(stack, str) or not stack:
        return "", ""
    parts = stack.rpartition(";")[2].split(",")
    return (parts[1], parts[2]) if len(parts) == 3 else ("", "")


def outputs_of(module: Json, graph: Json) -> Iterator[str]:
    """The names of the tensors that a program returns to its user."""
    found = False
    for spec in dicts_in(at(module, "signature").get("output_specs")):
        given = spec.get("user_output")
        if isinstance(given, dict):
            found = True
            yield from tensors_in([given.get("arg")])
    if not found:
        yield from tensors_in(graph.get("outputs"))


def tensors_in(arguments: object) -> Iterator[str]:
    """The names of the tensors in arguments: {"as_tensor": {"name": …}}, or lists of them."""
    for each in arguments if isinstance(arguments, list) else ():
        if not isinstance(each, dict):
            continue
        for kind, value in each.items():
            if kind in ("as_tensor", "as_optional_tensor") and (name := name_of(value)):
                yield name
            elif kind in ("as_tensors", "as_optional_tensors") and isinstance(value, list):
                yield from filter(None, (name_of(one) for one in value))


def name_of(value: object) -> str:
    """The name of one tensor as an argument has it, empty if it is none."""
    inside = value.get("as_tensor", value) if isinstance(value, dict) else None
    name = inside.get("name") if isinstance(inside, dict) else None
    return name if isinstance(name, str) else ""


def at(value: Json, name: str) -> Json:
    """An object within an object, empty if there is none."""
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def dicts_in(values: object) -> Iterator[dict[str, object]]:
    """The objects in a list."""
    for each in values if isinstance(values, list) else ():
        if isinstance(each, dict):
            yield each
