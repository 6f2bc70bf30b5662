"""A graph as plain records: nodes, and the bodies of its functions. Needs no TensorFlow, only the parsed GraphDef."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Plain: TypeAlias = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Node:
    """One operation.

    Arguments:
        name: its name, unique in the graph or in the function's body.
        op: its type, as `AssignSub`.
        inputs: references to the outputs that it takes, as the file writes them: `x`, `x:1`, in bodies `x:y:0`.
        controls: names of the nodes that it waits for.
        functions: names of the functions that it calls, in its attributes' order.
        attrs: its attributes that are single plain values.
        source: the parsed NodeDef, for what `constants.py` reads out of it: tensors, shapes and functions by attribute.
    """

    name: str
    op: str
    inputs: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    attrs: Mapping[str, Plain] = field(default_factory=dict)
    source: Any = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Body:
    """The nodes of a function, or of the graph itself, which has neither arguments nor returns.

    Arguments:
        nodes: by name.
        arguments: names of the arguments, in order; a reference can name one.
        returns: by name of the output, in order, the reference that it returns.
        controls: names of the nodes that run whatever is returned.
    """

    nodes: Mapping[str, Node]
    arguments: tuple[str, ...] = ()
    returns: Mapping[str, str] = field(default_factory=dict)
    controls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Nodes:
    """A graph: its own nodes, and its functions by name."""

    top: Body
    functions: Mapping[str, Body] = field(default_factory=dict)


def producer(reference: str) -> str:
    """The name of the node (or argument) that a reference names."""
    return reference.partition(":")[0]


def read_graph_def(graph_def: Any) -> Nodes:
    """Read a parsed GraphDef.

    Arguments:
        graph_def: a `tensorflow.GraphDef`, from a file or from `tf.Graph.as_graph_def()`.
    """
    known = {function.signature.name for function in graph_def.library.function}
    functions = {function.signature.name: _body(function, known) for function in graph_def.library.function}
    return Nodes(Body(_nodes(graph_def.node, known)), functions)


def _body(function: Any, known: set[str]) -> Body:
    signature = function.signature
    return Body(
        nodes=_nodes(function.node_def, known),
        arguments=tuple(argument.name for argument in signature.input_arg),
        returns={output.name: function.ret[output.name] for output in signature.output_arg},
        controls=tuple(function.control_ret.values()),
    )


def _nodes(node_defs: Iterable[Any], known: set[str]) -> dict[str, Node]:
    return {node_def.name: _node(node_def, known) for node_def in node_defs}


def _node(node_def: Any, known: set[str]) -> Node:
    attrs: dict[str, Plain] = {}
    # A function of TensorFlow 1 is called by an operation of the function's own name.
    functions = [node_def.op] if node_def.op in known else []
    for key, value in node_def.attr.items():
        kind = value.WhichOneof("value")
        if kind == "func":
            functions.append(value.func.name)
        elif kind == "list":
            functions.extend(function.name for function in value.list.func)
        elif kind == "s":
            attrs[key] = value.s.decode("utf-8", "replace")
        elif kind in ("b", "i", "f", "type"):
            attrs[key] = getattr(value, kind)
    return Node(
        name=node_def.name,
        op=node_def.op,
        inputs=tuple(each for each in node_def.input if not each.startswith("^")),
        controls=tuple(each[1:] for each in node_def.input if each.startswith("^")),
        functions=tuple(name for name in functions if name in known),
        attrs=attrs,
        source=node_def,
    )
