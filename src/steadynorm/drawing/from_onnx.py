"""An ONNX model as a network: its main graph, with inputs and outputs; a function or a loop is one operation."""

from __future__ import annotations

from typing import Any

from steadynorm.artifacts.onnx_file import Model
from steadynorm.drawing.network import Edge, Network, Scope, Vertex, scoped


def onnx_network(model: Model) -> Network:
    """The network of a model."""
    found = Network()
    given = [name for name in model.inputs if name not in model.tensors]
    found.add(Vertex(f"input {name}", (), name, "input", model.shapes.get(name)) for name in given)
    makers = {name: f"input {name}" for name in given}
    nodes = [(_name(node, index), node) for index, node in enumerate(model.nodes) if node.op_type != "Constant"]
    makers |= {output: name for name, node in nodes for output in node.output if output}
    read = {name for _, node in nodes for name in node.input} | set(model.outputs)
    for name, node in nodes:
        is_read = any(output in read for output in node.output)
        scope, label = _placed(name)
        shape = next((model.shapes.get(output) for output in node.output), None)
        found.add([Vertex(name, scope, label, node.op_type, shape, "" if is_read else "nothing reads it")])
        for source in dict.fromkeys(name for name in (*node.input, *_from_around(node)) if name in makers):
            found.edges.append(Edge(makers[source], name, model.shapes.get(source)))
    for name in model.outputs:
        found.add([Vertex(f"output {name}", (), name, "output", model.shapes.get(name))])
        if name in makers:
            found.edges.append(Edge(makers[name], f"output {name}", model.shapes.get(name)))
    constants = len(model.tensors) + len(model.nodes) - len(nodes)
    found.left_out = {"that are constants": constants} if constants else {}
    return found


def _name(node: Any, index: int) -> str:
    return node.name or next(iter(node.output), "") or f"{node.op_type} {index}"


def _placed(name: str) -> tuple[Scope, str]:
    """Exporters write scopes with slashes, `/layer1/bn/BatchNormalization`, or as a module's path with dots."""
    return scoped(name.replace(".", "/")) if "/" not in name and not name.replace(".", "").isdigit() else scoped(name)


def _from_around(node: Any) -> list[str]:
    """What the bodies of a condition or a loop read of the graph around them."""
    graphs = [each.g for each in node.attribute if each.HasField("g")]
    graphs += [graph for each in node.attribute for graph in each.graphs]
    return [name for graph in graphs for inner in graph.node for name in inner.input]
