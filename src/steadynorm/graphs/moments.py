"""Where a mean or a variance comes from: the moments of the batch, an average kept in a variable, or either."""

from __future__ import annotations

from dataclasses import dataclass

from steadynorm.evidence import Mode
from steadynorm.graphs.constants import constant, output_shape
from steadynorm.graphs.flat import index_of
from steadynorm.graphs.guards import MERGES, SELECTS, Guards
from steadynorm.graphs.nodes import Node, producer
from steadynorm.graphs.reachability import VARIABLE_OPS, writes
from steadynorm.graphs.wires import READING, Wires

_REDUCTIONS = frozenset({"Mean", "Sum"})
_ARITHMETIC = frozenset(
    {"Sub", "Add", "AddV2", "Mul", "Neg", "Sqrt", "Square", "Maximum", "Minimum", "Relu", "Abs", "Softplus", "Exp"}
    | {
        "NcclAllReduce",
        "CollectiveReduce",
        "CollectiveReduceV2",
        "HorovodAllreduce",
        "CrossReplicaSum",
        "AddN",
        "IdentityN",
        "ConcatV2",
        "StridedSlice",
    }
    | {"RealDiv", "Div", "DivNoNan", "CheckNumerics"}
)
_FUSED = frozenset({"FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"})
_MANY = 400


@dataclass(frozen=True, slots=True)
class Leaf:
    """One thing that a moment may be.

    Arguments:
        mode: `BATCH` for moments of the batch, `POPULATION` for an average; `None` for an average that goes in beside
            the moments of the batch, and is not normalized by.
        name: the variable's node, or the output that is the moment; `None` for a constant.
        guards: the guards under which it is taken.
    """

    mode: Mode | None
    name: str | None
    guards: Guards


class MomentReader:
    """Reads where moments come from in one graph.

    Arguments:
        wires: the graph.
    """

    def __init__(self, wires: Wires) -> None:
        self._wires = wires

    def leaves(self, reference: str, guards: Guards) -> tuple[Leaf, ...]:
        """What a mean or a variance may be, behind arithmetic; empty if any of it is neither of the batch nor kept.

        Arguments:
            reference: the mean or variance.
            guards: those of the place that takes it.
        """
        found: dict[Leaf, None] = {}
        seen: set[tuple[str, Guards]] = set()
        waiting: list[tuple[str, Guards]] = [(reference, guards)]
        while waiting:
            here, guards = waiting.pop()
            if (here, guards) in seen:
                continue
            seen.add((here, guards))
            node = self._wires.node(here)
            if node is None or len(seen) > _MANY:
                return ()
            if node.op in VARIABLE_OPS:
                found[Leaf(Mode.POPULATION, node.name, guards)] = None
            elif writes(node) and node.op.startswith(("Assign", "Scatter")):
                target = self._wires.variable(node.inputs[0])
                found[Leaf(Mode.POPULATION, target, guards)] = None
            elif node.op in _FUSED and index_of(here) > 0:
                mode = Mode.BATCH if node.attrs.get("is_training", True) else None
                if mode is None:
                    waiting.append((node.inputs[2 + min(index_of(here), 2)], guards))
                else:
                    found[Leaf(mode, f"{node.name}:{index_of(here)}", guards)] = None
            elif node.op in _REDUCTIONS:
                if not self._is_over_batch(node):
                    return ()
                found[Leaf(Mode.BATCH, node.name, guards)] = None
            elif node.op in MERGES:
                waiting += [(each, guards | self._wires.guards.of(each)) for each in node.inputs]
            elif node.op in SELECTS and len(node.inputs) == 3:
                chooser, sense = self._wires.guards.root(node.inputs[0])
                waiting.append((node.inputs[1], guards | {(chooser, sense)}))
                waiting.append((node.inputs[2], guards | {(chooser, not sense)}))
            elif node.op == "Const":
                if self._is_array(node):
                    found[Leaf(Mode.POPULATION, None, guards)] = None
            elif node.op in READING and node.inputs:
                waiting.append((node.inputs[0], guards))
            elif node.op in _ARITHMETIC:
                waiting += [(each, guards) for each in self._terms(node)]
            elif not self._wires.is_scalar(here):
                return ()
        return tuple(found)

    def axes(self, reduction: str) -> tuple[int, ...] | None:
        """The axes that a moment is taken over, `None` if they are not constant."""
        node = self._wires.node(reduction)
        if node is None or node.op not in _REDUCTIONS or len(node.inputs) < 2:
            return None
        values = constant(self._wires.node(node.inputs[1]))
        return None if values is None else tuple(int(each) for each in values)

    def inside(self, x: str, reductions: list[str]) -> frozenset[str]:
        """Names of the nodes between what is normalized and its moments."""
        origin = self._wires.origin(x)
        found: set[str] = set()
        waiting = [producer(each) for each in reductions]
        while waiting and len(found) < _MANY:
            name = waiting.pop()
            node = self._wires.flat.get(name)
            if node is None or name in found or name == origin or node.op in VARIABLE_OPS:
                continue
            found.add(name)
            waiting += [producer(each) for each in node.inputs]
        return frozenset(found)

    def _terms(self, node: Node) -> list[str]:
        """The operands that carry values: not the rates, counts and divisors."""
        if node.op in ("RealDiv", "Div", "DivNoNan"):
            return list(node.inputs[:1])
        if node.op in ("ConcatV2", "StridedSlice"):
            return list(node.inputs[:-1] if node.op == "ConcatV2" else node.inputs[:1])
        if node.op == "Mul" and len(node.inputs) == 2:
            plain = [each for each in node.inputs if not self._is_rate(each)]
            return plain or list(node.inputs[:1])
        return [each for each in node.inputs if not self._is_rate(each)]

    def _is_rate(self, reference: str) -> bool:
        """Whether an operand is a count, a rate or a constant, and no array of moments."""
        if self._wires.variable(reference) is not None:
            return False
        return self._wires.is_scalar(reference) and not self._has_array(reference)

    def _has_array(self, reference: str) -> bool:
        """Whether a little arithmetic contains a variable that is no scalar, or cannot be told to be one."""
        waiting, seen = [producer(reference)], set()
        while waiting:
            name = waiting.pop()
            node = self._wires.flat.get(name)
            if node is None or name in seen:
                continue
            seen.add(name)
            if node.op in VARIABLE_OPS and output_shape(node) not in ((), (1,)):
                return True
            waiting += [producer(each) for each in node.inputs]
        return False

    def _is_over_batch(self, node: Node) -> bool:
        """Whether a reduction is over the batch and leaves the channels: no sample's own, and no single number."""
        axes = self.axes(node.name)
        if axes is None:
            return self._wires.op(node.inputs[1]) != "Range" if len(node.inputs) > 1 else False
        x = self._wires.node(node.inputs[0])
        shape = None if x is None else output_shape(x)
        rank = None if shape is None else len(shape)
        if rank is not None and len({axis % rank for axis in axes if rank}) >= rank:
            return False
        return 0 in axes or (rank is not None and -rank in axes)

    def _is_array(self, node: Node) -> bool:
        shape = output_shape(node)
        return shape is not None and len(shape) > 0 and 0 not in shape
