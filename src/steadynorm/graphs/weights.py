"""Whether a tensor is one of a network's own: computed with weights, or read by some."""

from __future__ import annotations

from steadynorm.graphs.constants import constant, output_shape
from steadynorm.graphs.nodes import Node
from steadynorm.graphs.operations import ACTIVATIONS, ADDITIONS, CONVOLUTIONS, LINEAR, POOLING, RESHAPES, SQUASHING
from steadynorm.graphs.reachability import PASSING_OPS
from steadynorm.graphs.wires import Wires

_WEIGHING = CONVOLUTIONS | LINEAR
_BETWEEN = PASSING_OPS | ACTIVATIONS | RESHAPES | SQUASHING | POOLING | {"Maximum", "Mul", "Cast"}
_READING = _BETWEEN | ADDITIONS | {"ConcatV2"}
_NEAR = 60


def made_with_weights(wires: Wires, reference: str) -> bool:
    """Whether a convolution or linear layer gave the tensor, with a bias and an activation at most behind it."""
    node = wires.node(reference)
    for _ in range(_NEAR):
        if node is None or not node.inputs:
            return False
        if node.op in _WEIGHING:
            return _has_weights(wires, node)
        if node.op in ADDITIONS and not any(wires.variable(each) for each in node.inputs):
            return False
        if node.op not in _BETWEEN and node.op not in ADDITIONS:
            return False
        values = [each for each in node.inputs if not wires.variable(each) and not wires.is_scalar(each)]
        node = wires.node(values[0]) if values else None
    return False


def read_by_weights(wires: Wires, name: str) -> bool:
    """Whether a convolution or linear layer reads what a node gives, behind an activation or the like."""
    seen = {name}
    waiting = [name]
    while waiting and len(seen) < _NEAR:
        for node in wires.consumers(waiting.pop()):
            if node.op in _WEIGHING and _has_weights(wires, node):
                return True
            if node.name not in seen and (node.op in _READING or _is_pooling(wires, node)):
                seen.add(node.name)
                waiting.append(node.name)
    return False


def channels_kept(wires: Wires, reference: str, axes: tuple[int, ...] | None) -> int:
    """How many channels are left of a tensor by a reduction over all axes but one; 0 if that is not what it is."""
    node = wires.node(reference)
    shape = None if node is None else output_shape(node)
    if not shape or axes is None:
        return 0
    kept = set(range(len(shape))) - {axis % len(shape) for axis in axes}
    return max(shape[kept.pop()], 0) if len(kept) == 1 and 0 not in kept else 0


def _is_pooling(wires: Wires, node: Node) -> bool:
    """Whether a node takes the mean over the positions of each sample."""
    axes = constant(wires.node(node.inputs[1])) if node.op == "Mean" and len(node.inputs) == 2 else None
    return axes is not None and all(not isinstance(each, bytes) and each > 0 for each in axes)


def _has_weights(wires: Wires, node: Node) -> bool:
    return any(wires.variable(each) is not None for each in node.inputs)
