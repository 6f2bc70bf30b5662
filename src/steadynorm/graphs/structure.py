"""Finds normalization in any graph by its edges: which variables are gamma, beta and statistics of one layer.

Names are no guide where people write their own: a variable counts because the normalization reads it in the place of
a moment, or because batch moments of that normalization are written to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from steadynorm.graphs.nodes import Node, Nodes, producer
from steadynorm.graphs.reachability import PASSING_OPS, Reachability, writes

FUSED_OPS = frozenset({"FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"})

# What stands between a variable and its place in the normalization.
_READING = PASSING_OPS | frozenset(
    {"ReadVariableOp", "Cast", "Reshape", "Squeeze", "ExpandDims", "Neg", "ConcatV2", "Select", "SelectV2"}
)
_DIVISIONS = frozenset({"RealDiv", "Div", "DivNoNan"})
# What stands between a batch moment and the variable that averages it.
_AVERAGING = _READING | frozenset(
    {"Sub", "Mul", "Add", "AddV2", "AddN", "Sqrt", "Square", "Relu", "Maximum", "Minimum"}
    | {"BroadcastTo", "IdentityN"}
    | _DIVISIONS
)
_MOMENT_OPS = FUSED_OPS | {"Mean", "Sum"}


@dataclass(frozen=True, slots=True)
class Normalization:
    """One place of a graph that normalizes, its variables by the names of their operations.

    Arguments:
        node: the fused operation, or the reciprocal square root of the variance.
        parameters: gamma and beta.
        statistics: the averages of its moments.
        training: True if it takes the moments of the batch, False the averages, None whichever is chosen at run time.
    """

    node: str
    parameters: frozenset[str]
    statistics: frozenset[str]
    training: bool | None


def find_normalizations(nodes: Nodes) -> list[Normalization]:
    """All places of the graph's own nodes that normalize by moments that some variable averages, or could."""
    return _Finder(nodes).find()


class _Finder:
    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes.top.nodes
        self._reachability = Reachability(nodes)
        self._consumers: dict[str, list[Node]] = {}
        for node in self._nodes.values():
            for name in {producer(each) for each in node.inputs}:
                self._consumers.setdefault(name, []).append(node)

    def find(self) -> list[Normalization]:
        averaged = self._averaged()
        found: list[Normalization | None] = []
        for node in self._nodes.values():
            if node.op in FUSED_OPS and len(node.inputs) >= 5:
                found.append(self._fused(node, averaged))
            elif node.op == "Rsqrt":
                found.append(self._unfused(node, averaged))
        return [each for each in found if each is not None]

    def _fused(self, node: Node, averaged: dict[str, set[str]]) -> Normalization:
        return Normalization(
            node=node.name,
            parameters=self._variables(node.inputs[1:3]),
            statistics=self._variables(node.inputs[3:5]) | averaged.get(node.name, set()),
            training=bool(node.attrs.get("is_training", True)),
        )

    def _unfused(self, root: Node, averaged: dict[str, set[str]]) -> Normalization | None:
        """x · s + (beta − mean · s) with s = gamma / sqrt(variance + epsilon), as tf.nn.batch_normalization has it."""
        variance = self._without_epsilon(root)
        if variance is None:
            return None
        stored = self._variables([variance])
        moments = self._moments(variance)
        parameters: set[str] = set()
        statistics = set(stored).union(*(averaged.get(each, set()) for each in moments))
        scales = [root.name]
        for product, other in self._products(root.name):
            if not self._shifts(product, other):
                parameters |= self._variables([other])
                scales.append(product.name)
        for scale in scales:
            for product, mean in self._products(scale):
                if self._shifts(product, mean):
                    statistics |= self._variables([mean])
                    statistics.update(*(averaged.get(each, set()) for each in self._moments(mean)))
                    parameters |= self._variables(each.inputs[0] for each in self._subtractions(product))
        statistics -= parameters
        if not statistics:
            return None
        training = True if not stored else None if moments else False
        return Normalization(root.name, frozenset(parameters), frozenset(statistics), training)

    def _averaged(self) -> dict[str, set[str]]:
        """By node that takes batch moments: the variables that they are written to."""
        averaged: dict[str, set[str]] = {}
        for node in self._nodes.values():
            if node.op.startswith("Assign") and writes(node) and len(node.inputs) > 1:
                for moment in self._moments(node.inputs[1]):
                    averaged.setdefault(moment, set()).update(self._reachability.variables(node.inputs[0]))
        return averaged

    def _moments(self, reference: str) -> set[str]:
        """Nodes that take batch moments and from which the reference is computed by arithmetic alone."""
        found: set[str] = set()
        seen: set[str] = set()
        waiting = [reference]
        while waiting:
            name = producer(waiting.pop())
            if name in seen:
                continue
            seen.add(name)
            node = self._nodes.get(name)
            if node is None:
                continue
            if node.op in _MOMENT_OPS or node.functions:  # a functional condition may have them in a branch
                found.add(name)
            elif node.op in _AVERAGING or (writes(node) and node.op.startswith("Assign")):
                # What divides is a count or a sum of weights, which several layers may share.
                waiting += node.inputs[:1] if node.op in _DIVISIONS else node.inputs
                waiting += node.controls if node.op == "ReadVariableOp" else ()
        return found

    def _without_epsilon(self, root: Node) -> str | None:
        total = self._nodes.get(producer(root.inputs[0])) if root.inputs else None
        if total is None or total.op not in ("Add", "AddV2"):
            return None
        terms = [each for each in total.inputs if self._op(each) != "Const"]
        return terms[0] if len(terms) == 1 else None

    def _shifts(self, product: Node, factor: str) -> bool:
        """Whether the product is mean · s: it is taken off beta, or the mean was negated."""
        return bool(self._subtractions(product)) or self._op(factor) == "Neg"

    def _subtractions(self, node: Node) -> list[Node]:
        consumers = self._consumers.get(node.name, [])
        return [
            each for each in consumers if each.op == "Sub" and [producer(at) for at in each.inputs[1:]] == [node.name]
        ]

    def _products(self, name: str) -> list[tuple[Node, str]]:
        """Products with the node's output, each with its other factor."""
        found = []
        for node in self._consumers.get(name, []):
            others = [each for each in node.inputs if producer(each) != name]
            if node.op == "Mul" and len(others) == 1:
                found.append((node, others[0]))
        return found

    def _op(self, reference: str) -> str | None:
        node = self._nodes.get(producer(reference))
        return None if node is None else node.op

    def _variables(self, references: Iterable[str]) -> frozenset[str]:
        return frozenset().union(*(self._reachability.variables(each, _READING) for each in references))
