"""A TensorFlow graph as a network: what computes, trains and updates; what saves and initializes is left out."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator

from steadynorm.drawing.network import Edge, Network, Vertex, scoped
from steadynorm.graphs.constants import output_shape, type_name
from steadynorm.graphs.flat import flatten, index_of
from steadynorm.graphs.nodes import Node, Nodes, producer
from steadynorm.graphs.reachability import PASSING_OPS, VARIABLE_OPS, writes
from steadynorm.graphs.training import TrainingReader
from steadynorm.graphs.wires import GRADIENT_SCOPE, Wires
from steadynorm.recorded import Graph

_READS = frozenset({"Identity", "RefIdentity", "ReadVariableOp"})
_SAVES = frozenset({"SaveV2", "Save", "SaveSlices", "RestoreV2", "Restore", "RestoreSlice", "MergeV2Checkpoints"})
_FROM_OUTSIDE = ("Placeholder", "Iterator", "Random", "Multinomial", "TruncatedNormal", "Queue", "Reader")


def tensorflow_network(nodes: Nodes, graph: Graph) -> Network:
    """The network of a graph.

    Arguments:
        nodes: the graph.
        graph: what it says about normalization.

    Raises:
        TangledGraphError: it would take too long.
    """
    return _Reading(nodes, graph).network()


class _Reading:
    def __init__(self, nodes: Nodes, graph: Graph) -> None:
        self._wires = Wires(flatten(nodes))
        self._flat = self._wires.flat
        self._steps = [step.node for step in graph.train_steps if step.node in self._flat]
        self._updates = {update.node: update for update in graph.updates if update.node in self._flat}
        self._uses = [use.node for use in graph.uses if use.node in self._flat]
        self._trained = {name for step in graph.train_steps for name in step.parameters}
        self._statistics = {name for layer in graph.layers for name in (layer.mean, layer.variance) if name}
        self._fixed = self._find_fixed()
        derived = TrainingReader(self._wires).gradients
        self._backward = {name for name in self._flat if name in derived or GRADIENT_SCOPE.search(name)}
        self._backward -= self._updates.keys()
        # Who reads a variable is drawn as the variable.
        self._same = {
            name: producer(node.inputs[0])
            for name, node in self._flat.items()
            if node.op in _READS and node.inputs and self._wires.op(node.inputs[0]) in VARIABLE_OPS
        }

    def network(self) -> Network:
        main = self._main()
        drawn = {name for name in main if name not in self._same and name not in self._fixed}
        drawn |= {*self._steps, *self._updates, *self._uses}
        found = Network(left_out=self._left_out(drawn))
        edges = {self._key(each): each for name in self._flat if name in drawn for each in self._edges(name, drawn)}
        found.edges = list(edges.values())
        read = {each.source for each in found.edges}
        # In the graph's own order, so that two drawings of one graph are the same.
        found.add(self._vertex(node, node.name in read) for node in self._flat.values() if node.name in drawn)
        found.ways = {pair: tuple(each for each in way if each in drawn) for pair, way in self._ways()}
        return found

    def _ways(self) -> Iterator[tuple[tuple[str, str], list[str]]]:
        """By update and train op that runs it, the shortest way between them, over all nodes of the graph."""
        for step in dict.fromkeys(self._steps):
            towards = self._towards(step)
            for name, update in self._updates.items():
                if step in update.steps and name in towards:
                    way = [name]
                    while way[-1] != step:
                        way.append(towards[way[-1]])
                    yield (name, step), way

    def _towards(self, end: str) -> dict[str, str]:
        """By node that another one needs: the next node on the shortest way to that."""
        found = {end: end}
        waiting = deque([end])
        while waiting:
            name = waiting.popleft()
            node = self._flat[name]
            for source in (*map(producer, node.inputs), *node.controls):
                if source in self._flat and source not in found:
                    found[source] = name
                    waiting.append(source)
        return found

    def _main(self) -> set[str]:
        """Names of the nodes that train, update or normalize, of what these need, and of what comes of it."""
        roots = [*self._steps, *self._updates, *self._uses]
        if not roots:
            saving = {node.name for node in self._flat.values() if node.op in _SAVES}
            aside = self._wires.downstream(saving, controls=True)
            return {name for name in self._flat if name not in aside}
        after = self._wires.downstream(self._uses)
        found = {name for name in after if not _is_aside(self._flat[name])}
        return found | self._wires.upstream([*roots, *found], controls=True)

    def _find_fixed(self) -> set[str]:
        """Names of the nodes that give the same whatever is fed: constants, and arithmetic with constants alone."""
        fixed: set[str] = set()
        waiting = [node.name for node in self._flat.values() if node.op == "Const"]
        missing = {name: len({producer(each) for each in node.inputs}) for name, node in self._flat.items()}
        while waiting:
            name = waiting.pop()
            fixed.add(name)
            for node in self._wires.consumers(name):
                missing[node.name] -= 1
                moves = writes(node) or node.op.startswith(_FROM_OUTSIDE) or node.op in VARIABLE_OPS
                if not missing[node.name] and not moves:
                    waiting.append(node.name)
        return fixed

    def _edges(self, name: str, drawn: set[str]) -> list[Edge]:
        node = self._flat[name]
        found = []
        for reference in node.inputs:
            source = self._same.get(producer(reference), producer(reference))
            if source in drawn and source != name:
                shape = output_shape(self._flat[source], index_of(reference) if source == producer(reference) else 0)
                found.append(Edge(source, name, shape, backward=self._is_backward(source, name)))
        for control in node.controls:
            source = self._same.get(control, control)
            if source in drawn and source != name:
                found.append(Edge(source, name, control=True, backward=self._is_backward(source, name)))
        return found

    @staticmethod
    def _key(edge: Edge) -> tuple[str, str, bool]:
        return edge.source, edge.target, edge.control

    def _is_backward(self, source: str, target: str) -> bool:
        return source in self._backward or target in self._backward

    def _vertex(self, node: Node, is_read: bool) -> Vertex:
        scope, label = ((), node.name) if node.name in self._steps else scoped(node.name)
        backward = node.name in self._backward
        return Vertex(node.name, scope, label, node.op, output_shape(node), self._note(node, is_read), backward)

    def _note(self, node: Node, is_read: bool) -> str:
        update = self._updates.get(node.name)
        if update is not None:
            return "" if update.steps or update.always or not self._steps else "no train op runs it"
        if node.op in VARIABLE_OPS:
            return "no gradient" if self._lacks_gradient(node) else ""
        if is_read or node.name in self._steps or node.name in self._backward:
            return ""
        return "" if writes(node) or node.op in PASSING_OPS or node.op == "NoOp" else "nothing reads it"

    def _lacks_gradient(self, node: Node) -> bool:
        """Whether no train step trains a variable that the network computes with, and nothing else moves it either."""
        if not self._steps or node.name in self._trained | self._statistics or not output_shape(node):
            return False
        if not type_name(node.attrs.get("dtype")).startswith(("float", "bfloat")):
            return False
        readers = self._readers(node.name)
        if any("Apply" in each.op or (writes(each) and not self._is_initial(each)) for each in readers):
            return False
        return any(each.name not in self._backward and not writes(each) for each in readers)

    def _is_initial(self, node: Node) -> bool:
        """Whether a write gives a variable its first value, or a restored one."""
        written = {producer(each) for each in node.inputs[1:]}
        return node.op in ("Assign", "AssignVariableOp") and not written & self._backward

    def _readers(self, variable: str) -> list[Node]:
        names = [variable, *(name for name, source in self._same.items() if source == variable)]
        found = [each for name in names for each in self._wires.consumers(name)]
        return [each for each in found if each.name not in self._same and each.op not in _SAVES]

    def _left_out(self, drawn: set[str]) -> dict[str, int]:
        found: Counter[str] = Counter()
        for node in self._flat.values():
            if node.name in drawn or node.name in self._same:
                continue
            is_constant = node.name in self._fixed
            found["that are constants" if is_constant else "for saving, initialization and summaries"] += 1
        return dict(found)


def _is_aside(node: Node) -> bool:
    return "Summary" in node.op or node.op in _SAVES
