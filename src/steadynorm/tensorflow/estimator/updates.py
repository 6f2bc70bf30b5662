"""Sees to it that a step of training runs every update of the moving statistics."""

from __future__ import annotations

import logging
from typing import Any

import tensorflow as tf

from steadynorm.tensorflow import registry
from steadynorm.tensorflow.nodes import read_graph_def
from steadynorm.tensorflow.reachability import Reachability

_log = logging.getLogger("steadynorm")


def complete_train_op(train_op: Any, strict: bool) -> Any:
    """`train_op` together with the update ops that it does not reach; `train_op` itself where it reaches all.

    Arguments:
        train_op: the op of the user's model_fn, in the default graph.
        strict: raise where ops would have to be added.

    Raises:
        ValueError: strict, and updates are missing.
    """
    missing = missing_updates(train_op)
    if not missing:
        return train_op
    names = ", ".join(op.name for op in missing)
    what = f"train_op {train_op.name} does not run {len(missing)} updates of moving statistics ({names})"
    if strict:
        raise ValueError(
            f"{what}; expected all of them: build it with steadynorm.tensorflow.create_train_op or minimize, or under "
            "tf.control_dependencies(tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.UPDATE_OPS))"
        )
    _log.warning("%s: they are attached to it now; without them inference would use the initial statistics", what)
    return tf.group(train_op, *missing, name="train_op_with_updates")


def missing_updates(train_op: Any) -> list[Any]:
    """The update ops of the default graph that a run of `train_op` leaves out, in the order of their creation.

    Looked at are the collection UPDATE_OPS and the updates of this package's layers in whatever collection. An op that
    is not reached itself is not missing where all that it writes is written by the same assignments on the way of
    `train_op`.
    """
    graph = tf.compat.v1.get_default_graph()
    reachability = Reachability(read_graph_def(graph.as_graph_def()))
    reached = reachability.reach([_operation(train_op).name])
    missing = []
    for update in _update_ops(graph):
        if update.name in reached.nodes:
            continue
        writes = reachability.reach([update.name]).writes
        if not writes or any(not by <= reached.writes.get(variable, frozenset()) for variable, by in writes.items()):
            missing.append(update)
    return missing


def _update_ops(graph: Any) -> list[Any]:
    collected = list(graph.get_collection(tf.compat.v1.GraphKeys.UPDATE_OPS))
    for record in registry.layers(graph):
        # With updates_collections=None the update is part of the output: what trains on the output runs it.
        if record.updates_collections is not None:
            collected.extend(record.updates)
    operations = {_operation(update).name: _operation(update) for update in collected}
    # What a function or a branch made within itself runs with it or not at all.
    return [operation for operation in operations.values() if operation.graph is graph]


def _operation(value: Any) -> Any:
    return value if isinstance(value, tf.Operation) else value.op
