"""Which operations of a graph train it: those of TensorFlow's optimizers, and of any other that writes what it read.

Optimizers of one's own, such as BERT's, assign; loss scaling and the accumulation of gradients apply within the branch
of a condition. None of them has an operation at the top of the graph that would tell.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import tensorflow as tf

from steadynorm.graphs.nodes import Body, Nodes, producer
from steadynorm.graphs.reachability import Path, Reach, Reachability
from steadynorm.tensorflow.fetches import to_operations
from steadynorm.tensorflow.layer_variables import operation_names

_OPTIMIZING_OPS = ("Apply", "SparseApply")
# Plain gradient descent scatters what it takes off an embedding.
_CHANGING_OPS = ("AssignSub", "AssignAdd", "Scatter")


def train_steps(graph: tf.Graph, nodes: Nodes) -> list[str]:
    """Names of the graph's operations that train it: of the collection TRAIN_OP, and what changes trainable variables.

    For changes within functions, such as branches, it is the operation that calls them.

    Arguments:
        graph: the outermost graph.
        nodes: its records.
    """
    collected = {
        each.name
        for each in to_operations(graph.get_collection(tf.compat.v1.GraphKeys.TRAIN_OP))
        if each.graph is graph
    }
    everything = Reachability(nodes).reach(nodes.top.nodes)
    trainable = trainable_names(graph)
    changes = {
        path[0]
        for variable, paths in everything.writes.items()
        for path in paths
        if _trains(nodes, variable, path, trainable)
    }
    return sorted(collected | changes)


def trained_variables(nodes: Nodes, reached: Reach, trainable: Iterable[str]) -> set[str]:
    """Names of the variables that a run trains.

    Arguments:
        nodes: the graph.
        reached: what the run reaches.
        trainable: names of the trainable variables; of others only what TensorFlow's optimizers change counts.
    """
    trainable = frozenset(trainable)
    return {
        variable
        for variable, paths in reached.writes.items()
        if any(_trains(nodes, variable, path, trainable) for path in paths)
    }


def trainable_names(graph: tf.Graph) -> frozenset[str]:
    """Names of the operations of a graph's trainable variables."""
    collected = graph.get_collection(tf.compat.v1.GraphKeys.TRAINABLE_VARIABLES)
    return frozenset(name for each in collected for name in operation_names(each))


def _trains(nodes: Nodes, variable: str, path: Path, trainable: frozenset[str]) -> bool:
    body = nodes.functions[path[-2]] if len(path) > 1 else nodes.top
    node = body.nodes[path[-1]]
    kind = node.op.removeprefix("Resource")
    if kind.startswith(_OPTIMIZING_OPS):
        return True
    if variable not in trainable:
        return False
    # Initial and restored values do not depend on old ones, and are not assigned within functions.
    return kind.startswith(_CHANGING_OPS) or len(path) > 1 or _depends(body, node.inputs[1:], variable)


def _depends(body: Body, references: Iterable[str], name: str) -> bool:
    """Whether one of the references is computed from a node; the nearest ones are looked at first."""
    waiting = deque(map(producer, references))
    seen = set(waiting)
    while waiting:
        each = waiting.popleft()
        if each == name:
            return True
        node = body.nodes.get(each)
        inputs = {producer(reference) for reference in node.inputs} if node else set()
        waiting += inputs - seen
        seen |= inputs
    return False
