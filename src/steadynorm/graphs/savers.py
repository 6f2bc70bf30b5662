"""What each saver of a graph writes, and under which names."""

from __future__ import annotations

from collections.abc import Sequence

from steadynorm.graphs.constants import constant
from steadynorm.graphs.layers import Group
from steadynorm.graphs.nodes import Node
from steadynorm.graphs.wires import READING, Wires
from steadynorm.recorded import Saver

_FIRST_TENSOR = {"SaveV2": 3, "SaveSlices": 3, "Save": 2}
"""By operation: which input is the first tensor; the names are always the second input."""

_SUMS = frozenset({"Add", "AddV2", "AddN"})
_AVERAGING = _SUMS | {"RealDiv", "Div"}
_MANY_REPLICAS = 2_000  # nodes of one average


def saved_names(wires: Wires) -> dict[str, str]:
    """By variable: the name under which it is saved."""
    found: dict[str, str] = {}
    for node in _saving(wires):
        for variable, name in _written(wires, node):
            if variable is not None:
                found.setdefault(variable, name)
    return found


def find_savers(wires: Wires, layers: Sequence[Group], main: str | None) -> list[Saver]:
    """The savers of a graph; the shards of one count as one.

    Arguments:
        wires: the graph.
        layers: its layers.
        main: the node that wrote the file, `None` if that is not known.
    """
    nodes = _saving(wires)
    shards: list[tuple[str, list[Node]]] = []
    of_main = wires.upstream([main], controls=True) if main is not None else set()
    chief = [node for node in nodes if node.name in of_main]
    if chief:
        shards.append((main or chief[0].name, chief))
    rest = {node.name: node for node in nodes if node.name not in of_main}
    for merge in wires.flat.values():
        if merge.op == "MergeV2Checkpoints":
            before = wires.upstream([merge.name], controls=True)
            part = [rest.pop(name) for name in list(rest) if name in before]
            if part:
                shards.append((merge.name, part))
    shards += [(node.name, [node]) for node in rest.values()]
    return [_saver(wires, name, part, layers, bool(chief) and part is chief) for name, part in shards]


def _saver(wires: Wires, name: str, nodes: Sequence[Node], layers: Sequence[Group], main: bool) -> Saver:
    written = [each for node in nodes for each in _written(wires, node)]
    variables = {variable for variable, _ in written}
    incomplete = tuple(layer.name for layer in layers if layer.parameters & variables and layer.statistics - variables)
    return Saver(name, tuple(dict.fromkeys(tensor for _, tensor in written)), incomplete, main)


def _saving(wires: Wires) -> list[Node]:
    return [node for node in wires.flat.values() if node.op in _FIRST_TENSOR and len(node.inputs) > 2]


def _written(wires: Wires, node: Node) -> list[tuple[str | None, str]]:
    names = constant(wires.node(node.inputs[1]))
    tensors = node.inputs[_FIRST_TENSOR[node.op] :]
    if names is None or len(names) != len(tensors):
        return []
    texts = [each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each) for each in names]
    return [
        (variable, text)
        for tensor, text in zip(tensors, texts, strict=True)
        for variable in _variables(wires, tensor) or (None,)
    ]


def _variables(wires: Wires, tensor: str) -> list[str]:
    """The variables that a saved tensor is: one, or several that are averaged, as those of replicas are."""
    found: list[str] = []
    waiting = [tensor]
    for _ in range(_MANY_REPLICAS):
        if not waiting:
            return found
        here = waiting.pop()
        variable, node = wires.variable(here), wires.node(here)
        if variable is not None:
            found.append(variable)
        elif node is not None and node.op in READING | _AVERAGING:
            waiting += node.inputs if node.op in _SUMS else node.inputs[:1]
        else:
            return []
    return []
