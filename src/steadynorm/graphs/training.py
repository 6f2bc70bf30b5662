"""What trains in a graph: the nodes that write gradients into variables, and the nodes that one runs for them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from steadynorm.graphs.nodes import Node
from steadynorm.graphs.places import Place
from steadynorm.graphs.reachability import writes
from steadynorm.graphs.wires import GRADIENT_SCOPE, Wires, is_gradient_op

_APPLIES = ("Apply", "ResourceApply", "SparseApply", "ResourceSparseApply")
_MANY_STEPS = 32
_BLOCKING = frozenset({"StopGradient"})
_READS = frozenset({"ReadVariableOp", "Const"})


@dataclass(frozen=True, slots=True)
class Step:
    """One node that trains when it is run, with all that runs then.

    Arguments:
        node: its name.
        parameters: the variables that it trains.
        reached: names of all nodes that run with it.
        trains: indices of the places that gradients pass through.
        hears: indices of the places that its gradients are computed from, whether they pass through them or not.
    """

    node: str
    parameters: frozenset[str]
    reached: frozenset[str]
    trains: frozenset[int]
    hears: frozenset[int] = frozenset()


class TrainingReader:
    """Finds what trains in one graph.

    Arguments:
        wires: the graph.
        averaging: names of the nodes that write moments of the batch into averages. They train nothing, even if the
            moments are those of a pass with weights that a gradient has changed, as in meta-learning.
    """

    def __init__(self, wires: Wires, averaging: Collection[str] = ()) -> None:
        self._wires = wires
        self._averaging = averaging
        sources = [node.name for node in wires.flat.values() if is_gradient_op(node.op)]
        self.gradients = wires.downstream(sources)
        """Names of the nodes that are derivatives, or computed from some."""
        self._later: dict[str, list[str]] = {}  # by node that sums gradients up: those that apply the sum

    def steps(self, places: Sequence[Place]) -> list[Step]:
        """The nodes that train, each with the places that it trains through.

        Nobody reads what such a node gives: it is the last one behind the writes of an optimizer. Where a graph has
        more of them than a person runs one by one they count as one step.
        """
        targets = self._targets()
        by_end: dict[str, dict[str, frozenset[str]]] = {}
        for name, parameters in targets.items():
            for end in self._ends(name):
                by_end.setdefault(end, {})[name] = parameters
        by_end = self._chief(by_end)
        roots = self._together(by_end)
        if len(by_end) > _MANY_STEPS:
            chief = next(iter(by_end))
            roots = {chief: tuple(by_end)}
            by_end = {chief: targets}
        everything = len(by_end) == 1
        steps = [
            self._step(end, written, places, (*roots[end], *targets) if everything else roots[end])
            for end, written in by_end.items()
        ]
        # Of several ends behind the same writes, as of one that saves after each step, the one that runs most counts.
        most: dict[frozenset[str], Step] = {}
        for step, written in zip(steps, by_end.values(), strict=True):
            known = most.get(frozenset(written))
            if known is None or len(step.reached) > len(known.reached):
                most[frozenset(written)] = step
        return list(most.values())

    def _chief(self, by_end: dict[str, dict[str, frozenset[str]]]) -> dict[str, dict[str, frozenset[str]]]:
        """The ends without those that only compute something after some writes which another end has, too.

        Gradients that are taken behind one optimizer's step wait for it, and some of them nobody uses.
        """
        reading = {end for end in by_end if self._wires.op(end) in _READS or self._is_left_over(end)}
        others = [set(written) for end, written in by_end.items() if end not in reading]
        return {
            end: written
            for end, written in by_end.items()
            if end not in reading or not any(set(written) <= other for other in others)
        }

    def _is_left_over(self, end: str) -> bool:
        """Whether an end is a derivative, or computed from some, that is written nowhere."""
        derived = end in self.gradients or GRADIENT_SCOPE.search(end) is not None
        return derived and not writes(self._wires.flat[end])

    def _together(self, by_end: dict[str, dict[str, frozenset[str]]]) -> dict[str, tuple[str, ...]]:
        """Joins the ends that collect gradients for the same later step; by end that is left, all that it stands for.

        Whoever sums gradients up over several batches runs the sums together.
        """
        roots: dict[str, tuple[str, ...]] = {}
        first: dict[frozenset[str], str] = {}
        ends = {each: self._ends(each) for each in {name for names in self._later.values() for name in names}}
        for end, written in list(by_end.items()):
            later = frozenset(each for name in written for each in self._later.get(name, ()))
            applying = frozenset(each for name in later for each in ends[name])
            if not applying or not all(self._later.get(name) for name in written):
                roots[end] = (end,)
                continue
            chief = first.setdefault(applying, end)
            roots[chief] = (*roots.get(chief, ()), end)
            if chief != end:
                by_end[chief] = {**by_end[chief], **by_end.pop(end)}
        return roots

    def _step(
        self, end: str, written: dict[str, frozenset[str]], places: Sequence[Place], roots: tuple[str, ...]
    ) -> Step:
        wires = self._wires
        parameters = frozenset().union(*written.values())
        values = [each for name in written for each in wires.flat[name].inputs[1:]]
        used = wires.upstream(values, until=_BLOCKING)
        heard = wires.upstream(values)
        moved = wires.downstream(parameters)
        trains = frozenset(
            index for index, place in enumerate(places) if place.output in used and place.output in moved
        )
        hears = frozenset(index for index, place in enumerate(places) if not heard.isdisjoint(_parts(place)))
        return Step(end, parameters, frozenset(wires.upstream((end, *roots), controls=True)), trains, hears)

    def _targets(self) -> dict[str, frozenset[str]]:
        """By node that writes gradients: the variables that are trained by that."""
        found: dict[str, frozenset[str]] = {}
        collecting: dict[str, str] = {}
        applied: dict[str, str] = {}
        for node in self._wires.flat.values():
            if not writes(node) or node.name in self._averaging:
                continue
            target = self._wires.variable(node.inputs[0])
            if target is None:
                continue
            if node.op.startswith(_APPLIES):
                found[node.name] = frozenset({target})
                applied[node.name] = target
            elif node.op.startswith("Assign") and self._takes_gradient(node):
                found[node.name] = frozenset({target})
                collecting[node.name] = target
        if applied and collecting:
            # Gradients that are summed up first train what the sum is applied to.
            for name, target in collecting.items():
                self._later[name] = [each for each in self._wires.downstream([target]) if each in applied]
                found[name] = found[name] | {applied[each] for each in self._later[name]}
        return found

    def _takes_gradient(self, node: Node) -> bool:
        return any(each.partition(":")[0] in self.gradients for each in node.inputs[1:])

    def _ends(self, name: str) -> list[str]:
        """The last nodes behind a node, itself if there are none."""
        reached = self._wires.downstream([name], controls=True)
        self._wires.count(len(reached))  # they are gone through once more
        return [each for each in reached if next(self._wires.followers(each), None) is None]


def _parts(place: Place) -> tuple[str, ...]:
    """What of a place its derivative is computed from, one or the other."""
    return (place.node, place.output, *(name.partition(":")[0] for name in place.moments))
