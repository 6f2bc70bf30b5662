"""Sees to it that a step of training runs every update of the moving statistics."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import tensorflow as tf

from steadynorm.report.words import folded
from steadynorm.tensorflow.fetches import to_operations
from steadynorm.tensorflow.layer_variables import operation_names
from steadynorm.tensorflow.registry import layers
from steadynorm.tensorflow.step_reading import StepReading, read_step
from steadynorm.tensorflow.updates import UpdatesNotRunError, describe_missed, missed_by
from steadynorm.tensorflow.watch import WARNED, UnsafeLayerWarning, warn_unsafe_layers

_log = logging.getLogger("steadynorm")
_SHOWN = 6


def complete_train_op(train_op: Any, reading: StepReading, strict: bool, except_for: tuple[str, ...] = ()) -> Any:
    """`train_op` together with the update ops that it does not reach; `train_op` itself where it reaches all.

    Looked at are the collection UPDATE_OPS and the updates of this package's layers in whatever collection. What the
    graph updates besides, by ops that no collection names, cannot be told from what is updated on purpose elsewhere,
    such as in another network's step: of that is only said that it does not run.

    Arguments:
        train_op: the op of the user's model_fn, in the default graph.
        reading: of the train_op.
        strict: raise where the train_op leaves updates out.
        except_for: beginnings of the names of statistics that are to stay. An op that updates others as well is
            attached all the same; what the train_op itself runs, it goes on to run.

    Raises:
        ValueError: strict, and updates are missing.
    """
    forgotten = _forgotten(reading, except_for)
    if forgotten:
        named = folded([each.name for each in forgotten], _SHOWN)
        what = f"train_op {train_op.name} does not run {len(forgotten)} update ops ({named})"
        if strict:
            raise ValueError(
                f"{what}; expected all of them: build it with steadynorm.tensorflow.create_train_op or minimize, or "
                "under tf.control_dependencies(tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.UPDATE_OPS))"
            )
        _log.warning("%s: they are attached to it now; without them inference would use the initial statistics", what)
        train_op = tf.group(train_op, *forgotten, name="train_op_with_updates")
        reading = read_step(train_op)
    missed = tuple(each for each in missed_by(reading) if not each.variable.startswith(except_for))
    _expect_to_stay(except_for)
    if strict:
        if missed:
            raise UpdatesNotRunError(missed)
        _raise_for_unsafe_layers()
    elif missed:
        _log.warning("%s", describe_missed(missed))
    return train_op


def _raise_for_unsafe_layers() -> None:
    """Makes an error of what the graph will warn of when it is finalized, such as updates left in a branch."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnsafeLayerWarning)
        try:
            warn_unsafe_layers()
        except UnsafeLayerWarning as warning:
            raise ValueError(str(warning)) from None


def _expect_to_stay(except_for: tuple[str, ...]) -> None:
    """Keeps the graph from warning of layers whose updates are left out on purpose."""
    graph = tf.compat.v1.get_default_graph()
    for record in layers(graph):
        names = [name for variable in record.statistics for name in operation_names(variable)]
        if names and all(name.startswith(except_for) for name in names):
            graph.get_collection_ref(WARNED).append(id(record))


def _forgotten(reading: StepReading, except_for: tuple[str, ...]) -> list[Any]:
    """The update ops of the graph that a train step leaves out, in the order of their creation.

    An op that is not reached itself is not forgotten where the step updates all that it would: the moving statistics
    of a layer by the updates of any of its applications, since a program with several towers may well take those of
    one; other variables by the same assignments.
    """
    statistics = {name for layer in reading.layers for name in layer.statistics}
    reached = reading.reached
    forgotten = []
    for update in _update_ops(reading.graph):
        if update.name in reached.nodes:
            continue
        writes = reading.reachability.reach([update.name]).writes
        if writes and all(variable.startswith(except_for) for variable in writes):
            continue
        by_step = {variable: reached.writes.get(variable, frozenset()) for variable in writes}
        done = (bool(by_step[name]) if name in statistics else by <= by_step[name] for name, by in writes.items())
        if not writes or not all(done):
            forgotten.append(update)
    return forgotten


def _update_ops(graph: Any) -> list[Any]:
    collected = list(graph.get_collection(tf.compat.v1.GraphKeys.UPDATE_OPS))
    for record in layers(graph):
        # With updates_collections=None the update is part of the output: what trains on the output runs it.
        if record.updates_collections is not None:
            collected.extend(record.updates)
    operations = {each.name: each for each in to_operations(collected)}
    return [operation for operation in operations.values() if _can_run_by_itself(operation, graph)]


def _can_run_by_itself(operation: Any, graph: Any) -> bool:
    """Whether a step can ask for it: what a function or branch made within itself runs with it or not at all."""
    return operation.graph is graph and operation._get_control_flow_context() is None
