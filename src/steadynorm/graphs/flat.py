"""A graph without functions: every call replaced by the nodes of its body.

A functional condition becomes the Switch and Merge nodes of the first control flow, and a functional loop likewise,
so that what reads the graph has to know one notation only. Names of inlined nodes begin with the call's name and `>`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from steadynorm.graphs.constants import function_at
from steadynorm.graphs.nodes import Body, Node, Nodes, producer

MANY_NODES = 200_000
"""Calls are no longer replaced when the graph has grown to so many nodes."""

DEEP = 40
"""Calls within calls that are replaced; deeper ones stay as they are."""

_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
_CONDITIONS = frozenset({"If", "StatelessIf"})
_LOOPS = frozenset({"While", "StatelessWhile"})

# Operations of which bodies name several outputs, in order.
_OUTPUTS = {
    "y": 0,
    "batch_mean": 1,
    "batch_variance": 2,
    "reserve_space_1": 3,
    "reserve_space_2": 4,
    "reserve_space_3": 5,
    "output_false": 0,
    "output_true": 1,
    "loss": 0,
    "backprop": 1,
}

Flat: TypeAlias = Mapping[str, Node]


@dataclass(frozen=True, slots=True)
class _Scope:
    """Where a body is put: the prefix of its names, and what its arguments are."""

    prefix: str
    body: Body
    arguments: Mapping[str, str]
    pivot: str | None
    inside: tuple[str, ...]


def flatten(nodes: Nodes) -> dict[str, Node]:
    """The nodes of a graph and of the functions that it calls, by name; references are `x` or `x:1` throughout."""
    return _Flattener(nodes).flatten()


def index_of(reference: str) -> int:
    """Which output of its node a reference names."""
    last = reference.rpartition(":")[2]
    return int(last) if ":" in reference and last.isdigit() else 0


class _Flattener:
    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._flat: dict[str, Node] = {}

    def flatten(self) -> dict[str, Node]:
        self._expand(_Scope("", self._nodes.top, {}, None, ()))
        return self._flat

    def _expand(self, scope: _Scope) -> None:
        for node in scope.body.nodes.values():
            name = scope.prefix + node.name
            controls = tuple(scope.prefix + each for each in node.controls if each in scope.body.nodes)
            inputs = tuple(self._resolved(scope, each) for each in node.inputs)
            if scope.pivot is not None and not inputs and not controls:
                controls = (scope.pivot,)
            flat = replace(node, name=name, inputs=inputs, controls=controls)
            if self._inlines(scope, node):
                self._call(scope, node, flat)
            else:
                self._flat[name] = flat

    def _inlines(self, scope: _Scope, node: Node) -> bool:
        if not node.functions or len(scope.inside) >= DEEP or len(self._flat) > MANY_NODES:
            return False
        if any(each in scope.inside or each not in self._nodes.functions for each in node.functions):
            return False
        if node.op in _CONDITIONS or node.op in _LOOPS:
            return all(name in self._nodes.functions for _, name in _parts(node)) and bool(node.inputs)
        return node.op in _CALLS or node.op == node.functions[0]

    def _call(self, scope: _Scope, node: Node, flat: Node) -> None:
        if node.op in _CONDITIONS:
            self._condition(scope, node, flat)
        elif node.op in _LOOPS:
            self._loop(scope, node, flat)
        else:
            function = function_at(node, "f") or node.functions[0]
            if function not in self._nodes.functions:
                function = node.functions[0]
            inner = self._inside(scope, flat, function, f"{flat.name}>", flat.inputs, scope.pivot)
            self._expand(inner)
            body = inner.body
            returned = [self._resolved(inner, each) for each in body.returns.values()]
            ends = {producer(each) for each in returned} | {inner.prefix + each for each in body.controls}
            if node.op == function:  # functions of TensorFlow 1 run all that has effects
                ends |= {inner.prefix + each.name for each in body.nodes.values() if not _is_pure(each)}
            self._flat[flat.name] = Node(flat.name, "NoOp", (), (*flat.controls, *sorted(ends)), attrs=flat.attrs)
            for index, reference in enumerate(returned):
                self._flat[_out(flat.name, index)] = Node(
                    _out(flat.name, index), "Identity", (reference,), (flat.name,)
                )

    def _condition(self, scope: _Scope, node: Node, flat: Node) -> None:
        predicate, handed = flat.inputs[0], flat.inputs[1:]
        for index, reference in enumerate(handed):
            name = f"{flat.name}>in{index}"
            self._flat[name] = Node(name, "Switch", (reference, predicate), flat.controls)
        pivot = f"{flat.name}>pivot"
        self._flat[pivot] = Node(pivot, "Switch", (predicate, predicate), flat.controls)
        ends: list[str] = []
        returns: list[list[str]] = []
        for side, (part, function) in enumerate(reversed(_parts(node))):
            here = f"{flat.name}>{part}"
            self._flat[here] = Node(here, "Identity", (f"{pivot}:{side}",))
            given = tuple(f"{flat.name}>in{index}:{side}" for index in range(len(handed)))
            inner = self._inside(scope, flat, function, f"{here}>", given, here)
            self._expand(inner)
            returns.append([self._resolved(inner, each) for each in inner.body.returns.values()])
            done = f"{here}>done"
            last = tuple(inner.prefix + each for each in inner.body.controls)
            self._flat[done] = Node(done, "Identity", (here,), last)
            ends.append(done)
        # Merge waits for the branch that runs, and for no other.
        self._flat[flat.name] = Node(flat.name, "Merge", tuple(ends), attrs=flat.attrs)
        for index, references in enumerate(zip(*returns, strict=False)):
            name = _out(flat.name, index)
            self._flat[name] = Node(name, "Merge", tuple(references), (flat.name,))

    def _loop(self, scope: _Scope, node: Node, flat: Node) -> None:
        merges = tuple(f"{flat.name}>in{index}" for index in range(len(flat.inputs)))
        last: list[str] = []
        for part, function in _parts(node):
            inner = self._inside(scope, flat, function, f"{flat.name}>{part}>", merges, None)
            self._expand(inner)
            last += [inner.prefix + each for each in inner.body.controls]
            returned = [self._resolved(inner, each) for each in inner.body.returns.values()]
            if part == "cond":
                last += [producer(each) for each in returned]
                continue
            for index, (name, given) in enumerate(zip(merges, flat.inputs, strict=True)):
                back = f"{flat.name}>next{index}"
                if index < len(returned):
                    self._flat[back] = Node(back, "NextIteration", (returned[index],))
                self._flat[name] = Node(name, "Merge", (given, back) if index < len(returned) else (given,))
        self._flat[flat.name] = Node(flat.name, "NoOp", (), (*flat.controls, *last), attrs=flat.attrs)
        for index, name in enumerate(merges):
            self._flat[_out(flat.name, index)] = Node(_out(flat.name, index), "Exit", (name,), (flat.name,))

    def _inside(
        self, scope: _Scope, flat: Node, function: str, prefix: str, given: tuple[str, ...], pivot: str | None
    ) -> _Scope:
        body = self._nodes.functions[function]
        arguments = dict(zip(body.arguments, given, strict=False))
        return _Scope(prefix, body, arguments, pivot, (*scope.inside, function))

    def _resolved(self, scope: _Scope, reference: str) -> str:
        """A reference in a body as one in the flat graph."""
        name, *output = reference.split(":")
        if name in scope.body.arguments:
            return scope.arguments.get(name, name)
        node = scope.body.nodes.get(name)
        index = _index(self._nodes, node, output)
        if node is not None and self._inlines(scope, node):
            return _out(scope.prefix + name, index)
        return f"{scope.prefix}{name}:{index}" if index else scope.prefix + name


def _parts(node: Node) -> list[tuple[str, str]]:
    """Names and functions of a condition, that of true first, or of a loop."""
    keys = ("then_branch", "else_branch") if node.op in _CONDITIONS else ("cond", "body")
    return [(key.removesuffix("_branch"), function_at(node, key) or "") for key in keys]


def _index(nodes: Nodes, node: Node | None, output: list[str]) -> int:
    if not output or not output[-1].isdigit():
        return 0
    index = int(output[-1])
    if len(output) < 2:
        return index
    if node is not None and node.op in nodes.functions:
        returned = list(nodes.functions[node.op].returns)
        return returned.index(output[0]) if output[0] in returned else index
    return _OUTPUTS.get(output[0], index)


def _out(name: str, index: int) -> str:
    return f"{name}>out{index}"


def _is_pure(node: Node) -> bool:
    return not (node.functions or node.op.startswith(("Assign", "Resource", "Apply", "Scatter", "Print", "Assert")))
