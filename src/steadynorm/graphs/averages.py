"""What moves the statistics: the nodes that write a moment of the batch into a variable, in any of their forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from steadynorm.graphs.flat import index_of
from steadynorm.graphs.guards import MERGES, SELECTS, SWITCHES
from steadynorm.graphs.nodes import Node
from steadynorm.graphs.places import FUSED
from steadynorm.graphs.reachability import VARIABLE_OPS, writes
from steadynorm.graphs.wires import READING, SIZES, Wires

_LINEAR = frozenset(
    {"Sub", "Add", "AddV2", "AddN", "IdentityN", "Neg", "Relu", "Maximum", "Minimum", "Sqrt", "Square", "Abs"}
    | {"NcclAllReduce", "CollectiveReduce", "CollectiveReduceV2", "HorovodAllreduce", "CrossReplicaSum", "ConcatV2"}
)
_DIVISIONS = frozenset({"RealDiv", "Div", "DivNoNan"})
_ADDITIONS = frozenset({"Add", "AddV2"})
_STORING = ("Assign", "AssignVariableOp")
_MANY = 300


@dataclass(frozen=True, slots=True)
class Average:
    """One node that writes moments of the batch into a variable.

    Arguments:
        node: the node that writes.
        target: the variable.
        moments: the outputs that it averages.
        decay: the fraction of the old value that it keeps, `None` if the graph computes it.
        choosers: nodes that choose whether it writes, or what.
        through: other variables that the value passes through, as those of a debiased average.
    """

    node: Node
    target: str
    moments: frozenset[str]
    decay: float | None
    choosers: frozenset[str]
    through: frozenset[str]


def find_averages(wires: Wires, moments: Mapping[str, str]) -> list[Average]:
    """All writes of moments, in the graph's order.

    Arguments:
        wires: the graph.
        moments: the outputs that are moments of the batch, with anything.
    """
    found: dict[str, Average] = {}
    writing: list[tuple[Node, str]] = []
    for node in wires.flat.values():
        if not node.op.startswith("Assign") or not writes(node) or len(node.inputs) < 2:
            continue
        target = wires.variable(node.inputs[0])
        if target is not None:
            writing.append((node, target))
            average = _Walk(wires, moments).read(node, target)
            if average is not None:
                found[node.name] = average
    # Variables that hold the moments of the last batch, for somebody else to average.
    stored: dict[str, Average] = {}
    for average in found.values():
        if average.node.op in _STORING and average.decay is None and not average.through:
            stored.setdefault(average.target, average)
    for node, target in writing if stored else ():
        if node.name not in found and target not in stored:
            average = _Walk(wires, dict.fromkeys(stored, "")).read(node, target)
            if average is not None:
                behind = frozenset(moment for name in average.moments for moment in stored[name].moments)
                found[node.name] = replace(average, moments=behind)
    return [found[name] for name in wires.flat if name in found]


class _Walk:
    """One walk back from what a node writes."""

    def __init__(self, wires: Wires, moments: Mapping[str, str]) -> None:
        self._wires = wires
        self._moments = moments
        self._choosers: set[str] = set()

    def read(self, node: Node, target: str) -> Average | None:
        hit, through = self._sources(node.inputs[1])
        if not hit:
            return None
        self._choosers |= {name for name, _ in self._wires.guards.of(node.name)}
        decay = self._decay(node, target)
        return Average(node, target, frozenset(hit), decay, frozenset(self._choosers), frozenset(through - {target}))

    def _sources(self, reference: str) -> tuple[set[str], set[str]]:
        hit: set[str] = set()
        through: set[str] = set()
        seen: set[str] = set()
        waiting = [reference]
        while waiting and len(seen) < _MANY:
            here = waiting.pop()
            if here in seen:
                continue
            seen.add(here)
            node = self._wires.node(here)
            if node is None:
                continue
            key = f"{node.name}:{index_of(here)}" if node.op in FUSED else node.name
            if key in self._moments:
                hit.add(key)
                self._choosers |= {name for name, _ in self._wires.guards.of(here)}
            elif node.op in VARIABLE_OPS:
                through.add(node.name)
            elif node.op in MERGES:
                for each in node.inputs:
                    self._choosers |= {name for name, _ in self._wires.guards.of(each)}
                waiting += node.inputs
            elif node.op in SELECTS and len(node.inputs) == 3:
                self._choosers.add(self._wires.guards.root(node.inputs[0])[0])
                waiting += node.inputs[1:]
            elif node.op == "Mul":
                waiting += self._factors(node)
            elif node.op in _DIVISIONS:
                waiting += node.inputs[:1]
            elif node.op in READING:
                waiting += node.inputs[:1]
                if node.op in ("ReadVariableOp", "Identity"):  # reads what was written just before
                    waiting += [each for each in node.controls if self._is_write(each)]
            elif node.op in _LINEAR or (node.op.startswith("Assign") and writes(node)):
                waiting += node.inputs
        return hit, through

    def _is_write(self, name: str) -> bool:
        node = self._wires.flat.get(name)
        return node is not None and node.op.startswith("Assign") and writes(node)

    def _factors(self, node: Node) -> list[str]:
        """The factor that is averaged: the other one has to be a rate, or this is the product of a gradient."""
        if len(node.inputs) != 2:
            return []
        for rate, other in (node.inputs[::-1], node.inputs):
            if self._wires.is_scalar(rate) and self._wires.variable(other) is None:
                self._note_choosers(rate)
                return [other]
        return []

    def _note_choosers(self, reference: str) -> None:
        # Of a rate that counts the samples, the tensor that is counted chooses nothing.
        for name in self._wires.upstream([reference], until=SIZES):
            node = self._wires.flat[name]
            if node.op in SWITCHES and len(node.inputs) > 1:
                self._choosers.add(self._wires.guards.root(node.inputs[1])[0])
            elif node.op in SELECTS and node.inputs:
                self._choosers.add(self._wires.guards.root(node.inputs[0])[0])

    def _decay(self, write: Node, target: str) -> float | None:
        value = self._behind(write.inputs[1])
        if value is None:
            return None
        if write.op.startswith(("AssignSub", "AssignAdd")):
            return _kept(self._rate(value), complement=True)
        if value.op in FUSED:
            factor = value.attrs.get("exponential_avg_factor", 1.0)
            return None if not isinstance(factor, float) else round(1 - factor, 7)
        if value.op == "Sub" and len(value.inputs) == 2 and self._wires.variable(value.inputs[0]) == target:
            delta = self._behind(value.inputs[1])
            return None if delta is None else _kept(self._rate(delta), complement=True)
        if value.op in _ADDITIONS:
            for term in value.inputs:
                product = self._behind(term)
                if product is None or product.op != "Mul" or len(product.inputs) != 2:
                    continue
                for rate, other in (product.inputs, product.inputs[::-1]):
                    if self._wires.variable(other) == target:
                        return _kept(self._wires.numbers(rate), complement=False)
        return None

    def _rate(self, delta: Node) -> tuple[float, ...] | None:
        if delta.op != "Mul" or len(delta.inputs) != 2:
            return None
        for each in delta.inputs[::-1]:
            numbers = self._wires.numbers(each)
            if numbers is not None:
                return numbers
        return None

    def _behind(self, reference: str) -> Node | None:
        node = self._wires.node(reference)
        seen: set[str] = set()
        while node is not None and node.op in READING and node.inputs and node.name not in seen:
            seen.add(node.name)
            node = self._wires.node(node.inputs[0])
        return node


def _kept(numbers: tuple[float, ...] | None, complement: bool) -> float | None:
    """The decay out of the rates of all sides of a condition: the one that does move the average, if any does."""
    if not numbers:
        return None
    decays = [round(1 - each, 7) if complement else round(each, 7) for each in numbers]
    moving = [each for each in decays if each != 1]
    return (min(moving) if moving else 1.0) if all(0 <= each <= 1 for each in decays) else None
