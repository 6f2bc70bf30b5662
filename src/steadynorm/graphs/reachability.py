"""Which operations a run of some operation reaches, and which variables are written on the way.

The walk goes backwards over data and control inputs, as TensorFlow prunes a graph before it runs it, and into the
bodies of functions. Variables are found behind whatever passes them on: Switch and Enter of the first control flow,
arguments of functions, branches and loops.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from steadynorm.graphs.nodes import Body, Node, Nodes, producer

Path: TypeAlias = tuple[str, ...]

VARIABLE_OPS = frozenset({"VarHandleOp", "VariableV2", "Variable", "AutoReloadVariable"})

# Operations that give their first input on as it is, and those that give on any of their inputs.
PASSING_OPS = frozenset(
    {"Identity", "RefIdentity", "Switch", "RefSwitch", "Merge", "RefMerge", "Enter", "RefEnter", "Exit", "RefExit"}
    | {"NextIteration", "RefNextIteration", "StopGradient", "PreventGradient", "Snapshot"}
)
_JOINING_OPS = frozenset({"Merge", "RefMerge", "ConcatV2"})
_SELECTING_OPS = frozenset({"Select", "SelectV2"})

_WRITING_PREFIXES = tuple(
    prefix + kind
    for prefix in ("", "Resource")
    for kind in ("Assign", "Apply", "SparseApply", "Scatter", "StridedSliceAssign", "CountUpTo")
)

# Their first input is a tensor, not a variable, whatever the prefix says.
_NOT_WRITING = frozenset({"ScatterNd", "ScatterNdNonAliasingAdd"})

_LOOPS = frozenset({"While", "StatelessWhile"})


@dataclass(frozen=True, slots=True)
class Reach:
    """What a run reaches.

    Arguments:
        nodes: names of the graph's own nodes that run.
        writes: by name of the variable's operation, the operations that write it: each as a path of one name, or
            of the call, the function and the operation where it is within functions.
        functions: names of the functions that are called, by functions, too.
    """

    nodes: frozenset[str]
    writes: Mapping[str, frozenset[Path]]
    functions: frozenset[str] = frozenset()


def writes(node: Node) -> bool:
    """Whether the operation writes the variable that is its first input."""
    return node.op.startswith(_WRITING_PREFIXES) and node.op not in _NOT_WRITING and bool(node.inputs)


class Reachability:
    """Answers what runs reach in one graph; every function's body is read once.

    Arguments:
        nodes: the graph.
    """

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._of_functions: dict[tuple[str, bool], dict[int | str, frozenset[Path]]] = {}
        self._of_returns: dict[tuple[str, str, frozenset[str]], frozenset[int | str]] = {}

    def reach(self, roots: Iterable[str]) -> Reach:
        """What running the operations named `roots` reaches.

        Arguments:
            roots: names of operations of the graph itself.

        Raises:
            KeyError: the graph has no operation of that name.
        """
        top = self._nodes.top
        roots = list(roots)
        for root in roots:
            if root not in top.nodes:
                raise KeyError(root)
        reached = ancestors(top, roots)
        found = self._writes(top, reached)
        writes = {str(variable): by for variable, by in found.items()}
        return Reach(frozenset(reached), writes, frozenset(self._called(top, reached)))

    def variables(self, reference: str, passing: frozenset[str] = PASSING_OPS) -> frozenset[str]:
        """Names of the variables that an output of the graph is, behind operations of the types `passing`.

        Arguments:
            reference: an output, as `x` or `x:1`.
            passing: types of operations that are looked through, at their first input; at all where they join.
        """
        return frozenset(str(each) for each in self._origins(self._nodes.top, reference, passing))

    def _writes(self, body: Body, reached: Iterable[str]) -> dict[int | str, frozenset[Path]]:
        """By variable or index of the argument: what writes it among the reached nodes and the functions they call."""
        found: dict[int | str, set[Path]] = {}
        for name in reached:
            node = body.nodes[name]
            if writes(node):
                for origin in self._origins(body, node.inputs[0], PASSING_OPS):
                    found.setdefault(origin, set()).add((name,))
            for function in node.functions:
                for target, by in self._writes_of_function(function, legacy=node.op == function).items():
                    for origin in self._handed_over(body, node, function, target, PASSING_OPS):
                        found.setdefault(origin, set()).update((name, function, *each) for each in by)
        return {target: frozenset(by) for target, by in found.items()}

    def _writes_of_function(self, name: str, legacy: bool) -> Mapping[int | str, frozenset[Path]]:
        key = (name, legacy)
        if key not in self._of_functions:
            self._of_functions[key] = {}  # what a call of itself adds to what its first call does
            body = self._nodes.functions[name]
            self._of_functions[key] = self._writes(body, _run_by_call(body, legacy))
        return self._of_functions[key]

    def _called(self, body: Body, reached: Iterable[str]) -> set[str]:
        """Names of the functions that the reached nodes call, and those that these call."""
        found: set[str] = set()
        waiting = [body.nodes[name] for name in reached]
        while waiting:
            node = waiting.pop()
            for function in set(node.functions) - found:
                found.add(function)
                called = self._nodes.functions[function]
                waiting += [called.nodes[name] for name in _run_by_call(called, legacy=node.op == function)]
        return found

    def _origins(self, body: Body, reference: str, passing: frozenset[str]) -> set[int | str]:
        """The variables (by name) and arguments (by index) that a reference may be."""
        origins: set[int | str] = set()
        seen: set[str] = set()
        waiting = [reference]
        while waiting:
            reference = waiting.pop()
            if reference in seen:
                continue
            seen.add(reference)
            name = producer(reference)
            if name in body.arguments:
                origins.add(body.arguments.index(name))
                continue
            node = body.nodes.get(name)
            if node is None:
                continue
            if node.op in VARIABLE_OPS:
                own = body is self._nodes.top
                origins.add(name if own else str(node.attrs.get("shared_name") or name))
            elif node.op in passing or writes(node):
                waiting += _passed_on(node)
            elif node.functions:
                for function in node.functions:
                    for target in self._returned(function, reference, passing):
                        origins |= self._handed_over(body, node, function, target, passing)
                if node.op in _LOOPS:
                    waiting += node.inputs[_index(reference) :][:1]
        return origins

    def _returned(self, function: str, reference: str, passing: frozenset[str]) -> frozenset[int | str]:
        """The variables and arguments that a function may return at the output that a reference to its call names."""
        body = self._nodes.functions[function]
        returned = _return(body, reference)
        if returned is None:
            return frozenset()
        key = (function, returned, passing)
        if key not in self._of_returns:
            self._of_returns[key] = frozenset()  # what a call of itself adds
            self._of_returns[key] = frozenset(self._origins(body, returned, passing))
        return self._of_returns[key]

    def _handed_over(
        self, body: Body, node: Node, function: str, target: int | str, passing: frozenset[str]
    ) -> set[int | str]:
        """What a variable or an argument of a function is in the body that calls it."""
        if isinstance(target, str):
            return {target}
        # A condition, a branch index or a data set comes before what is handed over, so the ends are aligned.
        position = len(node.inputs) - len(self._nodes.functions[function].arguments) + target
        if not 0 <= position < len(node.inputs):
            return set()
        return self._origins(body, node.inputs[position], passing)


def _run_by_call(body: Body, legacy: bool) -> set[str]:
    """Names of the nodes that run when a function is called; `legacy`: by an operation of the function's own name."""
    roots = [producer(each) for each in body.returns.values()] + list(body.controls)
    if legacy:  # Functions of TensorFlow 1 run all that has effects, others what is returned or controls the end.
        roots += [node.name for node in body.nodes.values() if writes(node) or node.functions]
    return ancestors(body, roots)


def ancestors(body: Body, roots: Iterable[str]) -> set[str]:
    """Names of the nodes that the roots depend on, the roots included; arguments are none."""
    reached: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in reached or name not in body.nodes:
            continue
        reached.add(name)
        node = body.nodes[name]
        waiting += node.controls
        waiting += (producer(each) for each in node.inputs)
    return reached


def _passed_on(node: Node) -> tuple[str, ...]:
    if node.op in _SELECTING_OPS:
        return node.inputs[1:]  # the first one selects
    return node.inputs if node.op in _JOINING_OPS else node.inputs[:1]


def _return(body: Body, reference: str) -> str | None:
    """What a body returns at the output that a reference to its call names."""
    output = reference.split(":")[1:2]
    if output and output[0] in body.returns:
        return body.returns[output[0]]
    returned = list(body.returns.values())
    return returned[_index(reference)] if _index(reference) < len(returned) else None


def _index(reference: str) -> int:
    last = reference.rpartition(":")[2]
    return int(last) if ":" in reference and last.isdigit() else 0
