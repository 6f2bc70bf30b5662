"""A flat graph with its wires in both directions, and the questions that all of the analysis asks about them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from steadynorm.graphs.constants import constant
from steadynorm.graphs.flat import Flat
from steadynorm.graphs.guards import GuardReader
from steadynorm.graphs.nodes import Node, producer
from steadynorm.graphs.reachability import PASSING_OPS, VARIABLE_OPS

READING = PASSING_OPS | frozenset({"ReadVariableOp", "Cast", "Reshape", "Squeeze", "ExpandDims", "BroadcastTo"})
"""What gives a variable or a tensor on with the same values."""

SCALAR = READING | frozenset(
    {"Sub", "Add", "AddV2", "Mul", "RealDiv", "Div", "DivNoNan", "Pow", "Exp", "Log", "Neg", "Minimum", "Maximum"}
    | {"Prod", "Floor", "Sqrt", "Square", "Greater", "Less", "GreaterEqual", "LessEqual", "Equal", "Reciprocal"}
    | {"StridedSlice", "GatherV2", "Gather", "Pack", "Select", "SelectV2", "LogicalAnd", "LogicalNot", "Assign"}
    | {"AssignAdd", "AssignSub", "IdentityN", "Ceil", "Round", "LogicalOr"}
)
"""Arithmetic of which rates and counts are made."""

SIZES = frozenset({"Shape", "ShapeN", "Size", "Rank"})
"""What of a tensor does not depend on its values."""

_SCALAR_ENDS = SIZES | frozenset({"Const", "Placeholder", "PlaceholderWithDefault", "IteratorGetNext"})
_SMALL = 200

GRADIENT_SCOPE = re.compile(r"(^|/)gradients(_\d+)?/")
"""Where TensorFlow itself puts the nodes of a derivative, some of which are plain arithmetic."""

_GRADIENT_WORDS = ("Grad", "BackpropFilter")
_NO_GRADIENT = frozenset({"StopGradient", "PreventGradient"})


MOST_STEPS = 8_000_000
"""Nodes that all walks through one graph may visit together; graphs that people build take a tenth of it at most."""


class TangledGraphError(ValueError):
    """A graph that takes too long to follow, as nobody builds them."""


class Wires:
    """A flat graph, its consumers and its guards.

    Arguments:
        flat: the nodes.
    """

    def __init__(self, flat: Flat) -> None:
        self.flat = flat
        self.guards = GuardReader(flat)
        self._consumers: dict[str, list[Node]] = {}
        self._waiting: dict[str, list[Node]] = {}
        for node in flat.values():
            for name in dict.fromkeys(producer(each) for each in node.inputs):
                self._consumers.setdefault(name, []).append(node)
            for name in dict.fromkeys(node.controls):
                self._waiting.setdefault(name, []).append(node)
        self._variables: dict[str, str | None] = {}
        self._values: dict[str, tuple[float, ...] | None] = {}
        self._steps = 0

    def node(self, reference: str) -> Node | None:
        """The node that a reference names."""
        return self.flat.get(producer(reference))

    def op(self, reference: str) -> str:
        """The type of the node that a reference names, empty if there is none."""
        node = self.node(reference)
        return "" if node is None else node.op

    def consumers(self, name: str) -> list[Node]:
        """The nodes that read an output of the node."""
        return self._consumers.get(name, [])

    def followers(self, name: str) -> Iterator[Node]:
        """The nodes that read an output of the node or wait for it."""
        yield from self._consumers.get(name, ())
        yield from self._waiting.get(name, ())

    def origin(self, reference: str) -> str:
        """The name of the node behind all that only gives its first input on."""
        name = producer(reference)
        seen: set[str] = set()
        while name not in seen:
            seen.add(name)
            node = self.flat.get(name)
            if node is None or node.op not in PASSING_OPS or not node.inputs:
                break
            name = producer(node.inputs[0])
        return name

    def variable(self, reference: str) -> str | None:
        """The variable that an output is, reshaped or cast at most; `None` if it is none, or one of several."""
        first = name = producer(reference)
        if first in self._variables:
            return self._variables[first]
        found: str | None = None
        seen: set[str] = set()
        while name not in seen:
            seen.add(name)
            node = self.flat.get(name)
            if node is None:
                break
            if node.op in VARIABLE_OPS:
                found = name
                break
            if node.op in ("Merge", "RefMerge"):
                ends = (
                    {self.variable(each) for each in node.inputs if producer(each) not in seen}
                    if len(seen) < 20
                    else {None}
                )
                found = ends.pop() if len(ends) == 1 else None
                break
            if node.op not in READING or not node.inputs:
                break
            name = producer(node.inputs[0])
        self._variables[first] = found
        return found

    def downstream(self, roots: Iterable[str], controls: bool = False) -> set[str]:
        """Names of the nodes that depend on the roots, the roots included."""
        reached = set(roots)
        waiting = list(reached)
        while waiting:
            name = waiting.pop()
            for node in self.followers(name) if controls else self._consumers.get(name, ()):
                if node.name not in reached:
                    reached.add(node.name)
                    waiting.append(node.name)
        self.count(len(reached))
        return reached

    def upstream(
        self, references: Iterable[str], controls: bool = False, until: frozenset[str] = frozenset()
    ) -> set[str]:
        """Names of the nodes that the references depend on, their own included.

        Arguments:
            references: where to begin.
            controls: whether waiting for a node counts, too.
            until: types of operations behind which nobody looks.
        """
        reached: set[str] = set()
        waiting = [producer(each) for each in references]
        while waiting:
            name = waiting.pop()
            node = self.flat.get(name)
            if node is None or name in reached:
                continue
            reached.add(name)
            if node.op in until:
                continue
            waiting += [producer(each) for each in node.inputs]
            if controls:
                waiting += node.controls
        self.count(len(reached))
        return reached

    def count(self, steps: int) -> None:
        """Counts nodes that a walk has visited.

        Raises:
            TangledGraphError: all walks together have visited too many.
        """
        self._steps += steps
        if self._steps > MOST_STEPS:
            raise TangledGraphError("the nodes depend on each other in more ways than can be followed")

    def is_scalar(self, reference: str) -> bool:
        """Whether an output is made of constants, variables, fed values and sizes by a little arithmetic only."""
        waiting, seen = [producer(reference)], set()
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            node = self.flat.get(name)
            if node is None or len(seen) > _SMALL:
                return False
            if node.op in VARIABLE_OPS or node.op in _SCALAR_ENDS:
                continue
            if node.op not in SCALAR:
                return False
            waiting += [producer(each) for each in node.inputs]
        return True

    def numbers(self, reference: str) -> tuple[float, ...] | None:
        """The values that a scalar can have, over the sides of its conditions; `None` if it is not all constants."""
        return self._numbers(reference, 0)

    def _numbers(self, reference: str, depth: int) -> tuple[float, ...] | None:
        if reference not in self._values:
            self._values[reference] = None  # what a loop adds
            self._values[reference] = self._read_numbers(reference, depth)
        return self._values[reference]

    def _read_numbers(self, reference: str, depth: int) -> tuple[float, ...] | None:
        node = self.node(reference)
        if node is None or depth > 30:
            return None
        if node.op == "Const":
            values = constant(node)
            if values is None or len(set(values)) != 1 or isinstance(values[0], bytes):
                return None
            return (float(values[0]),)
        if node.op in ("Merge", "RefMerge"):
            sides = [self._numbers(each, depth + 1) for each in node.inputs]
            return None if any(each is None for each in sides) else _all(sides)
        if node.op in READING and node.inputs:
            return self._numbers(node.inputs[0], depth + 1)
        if node.op in ("Select", "SelectV2") and len(node.inputs) == 3:
            sides = [self._numbers(each, depth + 1) for each in node.inputs[1:]]
            return None if any(each is None for each in sides) else _all(sides)
        if node.op in _ARITHMETIC and len(node.inputs) == 2:
            left, right = (self._numbers(each, depth + 1) for each in node.inputs)
            if left is None or right is None or len(left) * len(right) > 16:
                return None
            return tuple(_ARITHMETIC[node.op](one, other) for one in left for other in right)
        return None


_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "Sub": lambda one, other: one - other,
    "Add": lambda one, other: one + other,
    "AddV2": lambda one, other: one + other,
    "Mul": lambda one, other: one * other,
    "RealDiv": lambda one, other: one / other if other else 0.0,
}


def _all(sides: list[tuple[float, ...] | None]) -> tuple[float, ...]:
    return tuple(dict.fromkeys(value for side in sides if side is not None for value in side))


def is_gradient_op(op: str) -> bool:
    """Whether operations of this type are parts of a derivative; the transposed convolution is one of both kinds."""
    return any(word in op for word in _GRADIENT_WORDS) and op not in _NO_GRADIENT
