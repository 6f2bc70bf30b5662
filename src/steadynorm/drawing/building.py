"""A network that is built of the calls that were recorded of a live model, one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from steadynorm.drawing.network import Edge, Network, Scope, Shape, Vertex
from steadynorm.recorded import Graph, Use


class NetworkBuilder:
    """Adds vertices under names of their own, and keeps which of them are uses of normalization layers."""

    def __init__(self) -> None:
        self._found = Network()
        self._taken: Counter[str] = Counter()
        self._uses: list[Use] = []

    def add_input(self, label: str, shape: Shape) -> str:
        """Adds an input, and returns its name."""
        name = f"input {label}"
        self._found.add([Vertex(name, (), label, "input", shape)])
        return name

    def add(self, scope: Scope, label: str, op: str, shape: Shape, note: str = "", *, layer: str | None = None) -> str:
        """Adds a vertex, and returns its name: the second with the same label in the same scope is the second call.

        A module or layer says so in what it is called; of operations one knows that they are many.

        Arguments:
            scope: the blocks that it is in.
            label: its name within the innermost block.
            op: its type.
            shape: that of its first output.
            note: what is to be said of it.
            layer: the normalization layer that it is a use of, `None` if it is none.
        """
        plain = "/".join((*scope, label))
        self._taken[plain] += 1
        call = "" if self._taken[plain] == 1 else f", call {self._taken[plain]}"
        name, shown = plain + call, label if label == op else label + call
        self._found.add([Vertex(name, scope, shown, op, shape, note)])
        if layer is not None:
            self._uses.append(Use(layer, name, None))
        return name

    def connect(self, sources: Iterable[tuple[str, Shape]], target: str) -> None:
        """Adds edges from vertices, with the shapes of what they give, to one vertex."""
        self._found.edges += [Edge(source, target, shape) for source, shape in sources]

    def network(self) -> Network:
        """What was built."""
        self._found.graph = Graph(tuple(self._uses))
        return self._found
