"""A network as plain records, whatever file it comes from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from steadynorm.recorded import Graph

Shape: TypeAlias = tuple[int, ...] | None
"""Sizes, −1 for an unknown one; `None` where even their number is not known."""

Scope: TypeAlias = tuple[str, ...]
"""The names of the blocks that something is in, the outermost first."""

MOST_DEPTH = 50
"""Blocks within blocks that are told apart."""


@dataclass(frozen=True, slots=True)
class Vertex:
    """One operation, variable, input or output.

    Arguments:
        name: unique in the network.
        scope: the blocks that it is in.
        label: its name within the innermost block.
        op: its type, as `Conv2D`.
        shape: that of its first output.
        note: what is to be said of it, as that nothing reads it; empty if nothing.
        backward: whether it is part of the derivatives.
    """

    name: str
    scope: Scope
    label: str
    op: str
    shape: Shape = None
    note: str = ""
    backward: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """What one vertex gives to another.

    Arguments:
        source: the name of the vertex that gives.
        target: the name of the vertex that takes.
        shape: that of the tensor.
        control: whether the target only waits for the source.
        backward: whether it is part of the derivatives and the optimizer, or leads into them.
    """

    source: str
    target: str
    shape: Shape = None
    control: bool = False
    backward: bool = False


@dataclass(slots=True)
class Network:
    """A network.

    Arguments:
        vertices: by name.
        edges: between these.
        ways: of updates of statistics, by the names of the update and of the train op that runs it: the vertices
            between them, both included, on the shortest way.
        left_out: how many nodes of the file are not drawn, by what they are.
        graph: what it says about normalization: the uses of layers, their updates, the train steps.
    """

    vertices: dict[str, Vertex] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    ways: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    graph: Graph = field(default_factory=lambda: Graph(uses=()))

    def add(self, vertices: Iterable[Vertex]) -> None:
        """Adds vertices."""
        self.vertices.update((each.name, each) for each in vertices)


def scoped(name: str) -> tuple[Scope, str]:
    """The scope and the label that a name with slashes says, as `('conv1', 'bn')` and `mul` of `conv1/bn/mul`."""
    *scope, label = name.replace(">", "/").split("/", MOST_DEPTH)
    return tuple(each for each in scope if each), label or name
