"""What has to be chosen for a node to run: the sides of the conditions around it, and what chooses them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from steadynorm.graphs.constants import constant, output_shape
from steadynorm.graphs.flat import Flat, index_of
from steadynorm.graphs.nodes import Node, producer
from steadynorm.graphs.reachability import PASSING_OPS, VARIABLE_OPS
from steadynorm.recorded import Choice

Guard: TypeAlias = tuple[str, bool]
"""The node that chooses, and its side."""

Guards: TypeAlias = frozenset[Guard]

SWITCHES = frozenset({"Switch", "RefSwitch"})
MERGES = frozenset({"Merge", "RefMerge"})
SELECTS = frozenset({"Select", "SelectV2"})
_NEXT = frozenset({"NextIteration", "RefNextIteration"})

# What may stand between a condition and what is fed for it.
_READING = PASSING_OPS | frozenset({"ReadVariableOp", "Cast", "Reshape", "Squeeze", "ExpandDims"})
_NOTHING: Guards = frozenset()
_MANY = 64  # conditions within conditions


@dataclass(frozen=True, slots=True)
class Chooser:
    """What a condition comes from.

    Arguments:
        node: its node.
        choice: of which kind it is.
        default: its value where nothing is fed or assigned, `None` if something must be, or it is computed.
    """

    node: str
    choice: Choice
    default: bool | None


class GuardReader:
    """Finds the guards of every node of a graph, each once."""

    def __init__(self, flat: Flat) -> None:
        self._flat = flat
        self._found: dict[str, Guards] = {}
        self._initial = _initial_values(flat)
        self._roots: dict[str, tuple[str, bool]] = {}

    def of(self, reference: str) -> Guards:
        """The guards of an output."""
        name = producer(reference)
        self._find(name)
        guards = self._found.get(name, _NOTHING)
        node = self._flat.get(name)
        if node is not None and node.op in SWITCHES and len(node.inputs) > 1:
            guards = guards | self._side(node, index_of(reference))
        return guards

    def chooser(self, name: str) -> Chooser:
        """What a guard's node is: fed, fed with a default, a variable, fixed or computed."""
        node = self._flat.get(name)
        if node is None:
            return Chooser(name, Choice.COMPUTED, None)
        if node.op in VARIABLE_OPS:
            return Chooser(name, Choice.VARIABLE, self._initial.get(name))
        if node.op == "PlaceholderWithDefault":
            return Chooser(name, Choice.DEFAULT, self._known(node.inputs[0]) if node.inputs else None)
        if node.op == "Placeholder":
            return Chooser(name, Choice.FED, None)
        if node.op == "Const":
            return Chooser(name, Choice.FIXED, _truth(node))
        return Chooser(name, Choice.COMPUTED, None)

    def root(self, reference: str) -> tuple[str, bool]:
        """The node that a condition comes from, and whether it has the same sense."""
        name, sense = producer(reference), True
        if name in self._roots:
            return self._roots[name]
        first, seen = name, set()
        while name not in seen:
            seen.add(name)
            node = self._flat.get(name)
            if node is None or not node.inputs:
                break
            if node.op == "LogicalNot":
                sense = not sense
            elif node.op in ("LogicalAnd", "LogicalOr", "Mul", "Minimum", "Maximum") and len(node.inputs) == 2:
                left = self._left(node)
                if left is None:
                    break
                name = producer(left)
                continue
            elif node.op not in _READING or node.op in MERGES:
                break
            name = producer(node.inputs[0])
        self._roots[first] = (name, sense)
        return name, sense

    def _left(self, node: Node) -> str | None:
        """The operand that decides a conjunction or disjunction, where the other one cannot."""
        neutral = node.op not in ("LogicalOr", "Maximum")
        for one, other in (node.inputs, node.inputs[::-1]):
            if self._known(one) is neutral:
                return other
        return None

    def _known(self, reference: str) -> bool | None:
        """The value of a constant, or of a variable at its start."""
        name, sense = self.root(reference)
        node = self._flat.get(name)
        if node is None:
            return None
        value = self._initial.get(name) if node.op in VARIABLE_OPS else _truth(node)
        return None if value is None else value == sense

    def _find(self, name: str) -> None:
        waiting = [name]
        entered: set[str] = set()
        while waiting:
            name = waiting[-1]
            node = self._flat.get(name)
            if node is None or name in self._found:
                waiting.pop()
                continue
            if name in entered:
                waiting.pop()
                self._found[name] = self._of_node(node)
                continue
            entered.add(name)
            if node.op in _NEXT:
                continue
            before = [producer(each) for each in node.inputs] + list(node.controls)
            waiting += [each for each in before if each not in self._found and each not in entered]

    def _of_node(self, node: Node) -> Guards:
        guards = _NOTHING
        if node.op in _NEXT:
            return guards  # what comes from an earlier round of the loop
        if node.op in MERGES and node.inputs:
            given = [each for each in node.inputs if self._op(each) not in _NEXT] or list(node.inputs)
            guards = self._with_side(given[0])
            for each in given[1:]:
                guards = guards & self._with_side(each)
        else:
            for each in node.inputs:
                added = self._with_side(each)
                if added is not guards:
                    guards = guards | added if guards else added
        for each in node.controls:
            added = self._found.get(each, _NOTHING)
            if added:
                guards = guards | added if guards else added
        return guards if len(guards) <= _MANY else frozenset(sorted(guards)[:_MANY])

    def _with_side(self, reference: str) -> Guards:
        name = producer(reference)
        guards = self._found.get(name, _NOTHING)
        node = self._flat.get(name)
        if node is not None and node.op in SWITCHES and len(node.inputs) > 1:
            return guards | self._side(node, index_of(reference))
        return guards

    def _side(self, switch: Node, index: int) -> Guards:
        name, sense = self.root(switch.inputs[1])
        if self._op(name) == "LoopCond":
            return _NOTHING
        return frozenset({(name, (index == 1) == sense)})

    def _op(self, reference: str) -> str:
        node = self._flat.get(producer(reference))
        return "" if node is None else node.op


def opposed(some: Guards, others: Guards) -> str | None:
    """The node that chooses between two sets of guards, `None` if nothing does."""
    for name, side in some:
        if (name, not side) in others:
            return name
    return None


def _truth(node: Node) -> bool | None:
    values = constant(node)
    return bool(values[0]) if values is not None and len(values) == 1 and not isinstance(values[0], bytes) else None


def _initial_values(flat: Flat) -> dict[str, bool]:
    """By variable of one element: the truth of the constant that initializes it."""
    found: dict[str, bool] = {}
    for node in flat.values():
        if node.op not in ("Assign", "AssignVariableOp") or len(node.inputs) < 2:
            continue
        target, value = flat.get(producer(node.inputs[0])), flat.get(producer(node.inputs[1]))
        if target is None or value is None or target.op not in VARIABLE_OPS or target.name in found:
            continue
        if output_shape(target) not in ((), None):
            continue
        while value is not None and value.op in ("Identity", "Cast") and value.inputs:
            value = flat.get(producer(value.inputs[0]))
        truth = None if value is None else _truth(value)
        if truth is not None:
            found[target.name] = truth
    return found
