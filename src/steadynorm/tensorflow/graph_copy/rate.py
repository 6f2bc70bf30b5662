"""A factor for the learning rate of a train op, which is one unless another is fed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from steadynorm.graphs.reachability import PASSING_OPS
from steadynorm.tensorflow.graph_copy.flow import in_loops

_RATES = ("lr", "alpha")
_APPLYING = ("Apply", "SparseApply")

_STEPS = ("value", "delta", "updates")
_STEPPING = ("AssignSub", "AssignAdd", "ScatterSub", "ScatterAdd")
"""Plain gradient descent, by hand or of an embedding: what is taken off is the rate times the gradient."""


@dataclass(frozen=True, slots=True)
class Factor:
    """The factor.

    Arguments:
        place: the tensor that it is fed to.
        scaled: by operation and number of its input, the tensor that is to be read in place of that.
    """

    place: str
    scaled: dict[tuple[str, int], str]


def add_factor(graph: Any, reached: Iterable[str], trained: frozenset[str]) -> Factor | None:
    """Adds the factor to a graph; nothing reads it until `with_factor` has changed its definition.

    Arguments:
        graph: the graph, without functions.
        reached: names of the operations that run with the train op.
        trained: names of the variables that it trains.

    Returns:
        `None` where what a variable is trained by has no learning rate that can be told.
    """
    looped, found, known = in_loops(graph), {}, set()
    rates = list(_rates(graph, reached))
    with graph.as_default():
        place = tf.compat.v1.placeholder_with_default(tf.constant(1.0), (), "steadynorm/rate")
        for name, variable, index in rates:
            if variable in trained and name not in looped:
                tensor = graph.get_operation_by_name(name).inputs[index]
                found[name, index] = (tensor * tf.cast(place, tensor.dtype.base_dtype)).op.name
                known.add(variable)
    return Factor(place.name, found) if trained and known == trained else None


def with_factor(graph_def: Any, factor: Factor) -> Any:
    """Lets everything that trains read the rate times the factor; changes the definition itself."""
    nodes = {node.name: node for node in graph_def.node}
    for (name, index), scaled in factor.scaled.items():
        nodes[name].input[index] = scaled
    return graph_def


def _rates(graph: Any, reached: Iterable[str]) -> Iterator[tuple[str, str, int]]:
    """Operations that train, with the variable and the number of the input that is the rate."""
    reached = frozenset(reached)
    for operation in graph.get_operations():
        if operation.name not in reached:
            continue
        kind = operation.type.removeprefix("Resource")
        asked = _RATES if kind.startswith(_APPLYING) else _STEPS if kind.startswith(_STEPPING) else ()
        names = [each.name for each in operation.op_def.input_arg]
        index = next((names.index(each) for each in asked if each in names), None)
        if index is not None:
            yield operation.name, _variable(operation), index


def _variable(operation: Any) -> str:
    held = operation.inputs[0].op
    while held.type in PASSING_OPS and held.inputs:
        held = held.inputs[0].op
    return str(held.name)
