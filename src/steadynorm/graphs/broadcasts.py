"""Losses that subtract a column from a row, prediction from target, so that each is compared with every other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from steadynorm.graphs.constants import constant, output_shape
from steadynorm.graphs.nodes import Node, producer
from steadynorm.graphs.reachability import writes
from steadynorm.graphs.training import Step
from steadynorm.graphs.wires import GRADIENT_SCOPE, Wires
from steadynorm.recorded import Broadcast

_KEEPING = frozenset({"Identity", "StopGradient", "PreventGradient", "Snapshot", "CheckNumerics", "Cast"})
_UNARY = _KEEPING | frozenset(
    {"Neg", "Abs", "Square", "Sqrt", "Exp", "Log", "Log1p", "Expm1", "Sigmoid", "Tanh", "Relu", "Softplus", "Elu"}
    | {"LogicalNot", "Sign", "Relu6", "LeakyRelu"}
)
_BINARY = frozenset({"Add", "AddV2", "Sub", "Mul", "RealDiv", "Div", "Maximum", "Minimum", "BiasAdd"})
_ELEMENTWISE = _UNARY | _BINARY | frozenset({"Pow", "Select", "SelectV2", "Less", "LessEqual", "Greater"})
_SHAPE_ONLY = frozenset({"Shape", "ShapeN", "Rank", "Size", "ZerosLike", "OnesLike", "BroadcastGradientArgs"})
_REDUCING = frozenset({"Mean", "Sum"})
_PLACEHOLDERS = frozenset({"Placeholder", "PlaceholderV2", "PlaceholderWithDefault"})
_BATCHES = ("IteratorGetNext", "QueueDequeue")
_BLOCKING = frozenset({"StopGradient"})
_LONG = 40

Shape = tuple[int, ...]


def find_broadcasts(wires: Wires, steps: Sequence[Step]) -> tuple[Broadcast, ...]:
    """The differences between a prediction and a target in losses whose shapes only broadcasting makes fit.

    Only shapes that the file notes count, only predictions that are what a linear layer gives or a column of it, and
    only targets that come as they are from a placeholder or an iterator: whoever compares each with every other on
    purpose says so with an expansion or a reshape.

    Arguments:
        wires: the graph.
        steps: what trains.
    """
    found = []
    for node in wires.flat.values() if steps else ():
        if node.op in ("Sub", "SquaredDifference") and len(node.inputs) == 2 and not GRADIENT_SCOPE.search(node.name):
            broadcast = _broadcast(wires, node, steps)
            if broadcast is not None:
                found.append(broadcast)
    return tuple(found)


def _broadcast(wires: Wires, node: Node, steps: Sequence[Step]) -> Broadcast | None:
    shapes = [_shape(wires, each) for each in node.inputs]
    if not _is_crossed(shapes[0], shapes[1]) and not _is_crossed(shapes[1], shapes[0]):
        return None
    result = output_shape(node)
    if result is None or len(result) != 2 or 1 in result or not _is_reduced(wires, node):
        return None
    for at, other in ((0, 1), (1, 0)):
        target = _target(wires, node.inputs[at], shapes[at])
        source = _predicted_from(wires, node.inputs[other], shapes[other])
        if target is None or source is None:
            continue
        step = _trained_by(wires, node, node.inputs[other], steps)
        if step is not None:
            prediction_shape, target_shape = shapes[other], shapes[at]
            assert prediction_shape is not None
            assert target_shape is not None
            return Broadcast(
                node=node.name,
                prediction=producer(node.inputs[other]),
                target=target.name,
                prediction_shape=prediction_shape,
                target_shape=target_shape,
                shape=result,
                step=step,
                same_batch=result[0] > 0 or _is_same_batch(wires, target, source),
            )
    return None


def _shape(wires: Wires, reference: str) -> Shape | None:
    index = reference.rpartition(":")[2] if ":" in reference else "0"
    return output_shape(wires.node(reference), int(index) if index.isdecimal() else 0)


def _is_crossed(column: Shape | None, row: Shape | None) -> bool:
    """Whether the one is a column and the other a row of as many numbers, as far as the graph tells."""
    if column is None or row is None or len(column) != 2 or len(row) != 1 or column[1] != 1:
        return False
    return column[0] == row[0] and column[0] not in (0, 1)


def _is_reduced(wires: Wires, node: Node) -> bool:
    """Whether all that is computed of a difference, gradients aside, are sums or means over all of its elements."""
    waiting, seen, reduced = [node], {node.name}, False
    while waiting:
        for each in wires.consumers(waiting.pop().name):
            if each.name in seen or each.op in _SHAPE_ONLY or GRADIENT_SCOPE.search(each.name):
                continue
            seen.add(each.name)
            if each.op in _REDUCING:
                if len(each.inputs) != 2 or producer(each.inputs[0]) not in seen or not _takes_all(wires, each):
                    return False
                reduced = True
            elif each.op in _ELEMENTWISE and len(output_shape(each) or ()) == 2:
                waiting.append(each)
            else:
                return False
        if len(seen) > _LONG:
            return False
    return reduced


def _takes_all(wires: Wires, reduction: Node) -> bool:
    return set(constant(wires.node(reduction.inputs[1])) or ()) in ({0, 1}, {0, -1}, {1, -2}, {-1, -2})


def _target(wires: Wires, reference: str, shape: Shape | None) -> Node | None:
    """The placeholder or batch that an output is, of the same shape, but for arithmetic with single numbers."""
    for _ in range(_LONG):
        node = wires.node(reference)
        if node is None or _shape(wires, reference) != shape:
            return None
        if node.op in _PLACEHOLDERS or node.op.startswith(_BATCHES):
            return node
        following = _along(wires, node, shape)
        if following is None:
            return None
        reference = following
    return None


def _predicted_from(wires: Wires, reference: str, shape: Shape | None) -> str | None:
    """What a linear layer, or a column of its output, is computed from; `None` if an output is no such prediction."""
    for _ in range(_LONG):
        node = wires.node(reference)
        if node is None or shape is None or _shape(wires, reference) != shape:
            return None
        if node.op == "MatMul" and len(shape) == 2 and len(node.inputs) == 2:
            x, kernel = node.inputs
            rows = _shape(wires, x)
            plain = not node.attrs.get("transpose_a") and rows is not None and rows[:1] == shape[:1]
            return x if plain and wires.variable(kernel) is not None else None
        if len(shape) == 1 and _takes_column(wires, node, shape):
            return node.inputs[0]
        following = _along(wires, node, shape)
        if following is None:
            return None
        reference = following
    return None


def _takes_column(wires: Wires, node: Node, shape: Shape) -> bool:
    """Whether a node makes one number of each row of its input."""
    before = _shape(wires, node.inputs[0]) if node.inputs else None
    if before is None or len(before) != 2 or before[0] != shape[0]:
        return False
    if node.op == "Squeeze":
        return before[1] == 1
    if node.op in ("Sum", "Mean", "Max") and len(node.inputs) == 2:
        axes = constant(wires.node(node.inputs[1])) or ()
        return len(axes) == 1 and axes[0] in (1, -1)
    return node.op == "StridedSlice" and [
        node.attrs.get(mask, 0) for mask in ("shrink_axis_mask", "new_axis_mask", "ellipsis_mask")
    ] == [2, 0, 0]


def _along(wires: Wires, node: Node, shape: Shape | None) -> str | None:
    """The input whose shape an elementwise operation keeps, `None` if it is another or has several."""
    if node.op in _UNARY and len(node.inputs) == 1:
        return node.inputs[0]
    if node.op not in _BINARY or len(node.inputs) != 2:
        return None
    for one, other in (node.inputs, node.inputs[::-1]):
        if _shape(wires, one) == shape and _shape(wires, other) in ((), (1,)):
            return one
    return None


def _trained_by(wires: Wires, node: Node, prediction: str, steps: Sequence[Step]) -> str | None:
    """The train step that applies gradients which are computed from a difference, to what the prediction is made of."""
    made_of = wires.upstream([prediction], until=_BLOCKING)
    used = wires.downstream(each.name for each in _same(wires, node))
    for step in steps:
        if step.parameters & made_of and any(_applies(wires, name, step, made_of) for name in used & step.reached):
            return step.node
    return None


def _same(wires: Wires, node: Node) -> Iterator[Node]:
    """A difference, and for a squared one the plain one that its derivative computes anew."""
    yield node
    if node.op == "SquaredDifference":
        readers = wires.consumers(producer(node.inputs[0]))
        wires.count(len(readers))
        for each in readers:
            if each.op == "Sub" and each.inputs == node.inputs and GRADIENT_SCOPE.search(each.name):
                yield each


def _applies(wires: Wires, name: str, step: Step, made_of: set[str]) -> bool:
    node = wires.flat[name]
    return writes(node) and wires.variable(node.inputs[0]) in step.parameters & made_of


def _is_same_batch(wires: Wires, target: Node, source: str) -> bool:
    return target.op.startswith(_BATCHES) and target.name in wires.upstream([source])
