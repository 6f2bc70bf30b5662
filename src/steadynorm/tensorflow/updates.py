"""Which moving statistics a train op leaves alone although the graph could update them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from steadynorm.graphs.nodes import Nodes, producer
from steadynorm.graphs.places import FUSED
from steadynorm.graphs.reachability import Path, Reach, ancestors
from steadynorm.report.words import counted
from steadynorm.tensorflow.fetches import to_operation
from steadynorm.tensorflow.layer_variables import operation_names
from steadynorm.tensorflow.registry import layers, outermost
from steadynorm.tensorflow.step_reading import StepReading, read_step
from steadynorm.tensorflow.train_steps import train_steps

# Operations that only ever change a value relatively to what it was.
_RELATIVE = ("AssignSub", "AssignAdd")
_BATCH_OPS = FUSED | {"Mean", "Sum"}


class UpdatesNotRunError(ValueError):
    """The train op does not run the updates of some moving statistics; `missed` says which."""

    def __init__(self, missed: tuple[MissedUpdate, ...]) -> None:
        super().__init__(describe_missed(missed))
        self.missed = missed


@dataclass(frozen=True, slots=True)
class MissedUpdate:
    """A moving statistic that the graph updates somewhere, but not in the train op.

    Arguments:
        variable: name of the variable's operation.
        layer: name of the layer.
        operations: names of the graph's operations that run an update; calls of functions for updates within them.
        inside: whether they are collected within a condition, a loop or a function, so that no step can run them.
        collections: names of the graph's collections that hold an update.
    """

    variable: str
    layer: str
    operations: tuple[str, ...]
    inside: bool = False
    collections: tuple[str, ...] = ()


def missed_updates(train_op: Any, graph: tf.Graph | None = None) -> tuple[MissedUpdate, ...]:
    """The moving statistics that have updates, none of which a run of the train op reaches.

    Control dependencies, conditions, loops and functions are followed. A layer that is applied several times counts as
    updated if any of its updates is reached. Updates that a layer of this package collected within a branch, a loop or
    a function that does not run them are missed by every run. Statistics that nothing in the graph updates are not
    listed: their layers are in inference mode, and a run cannot reach what there is not.

    Arguments:
        train_op: an operation or tensor, or several that are always fetched together.
        graph: the graph; None for that of the train op.
    """
    return missed_by(read_step(train_op, graph))


def missed_by(step: StepReading) -> tuple[MissedUpdate, ...]:
    """As `missed_updates`, of a train step that was read."""
    everything = step.reachability.reach(step.nodes.top.nodes)
    updates = _Updates(step.nodes, everything, _registered_updates(step.graph))
    enclosed = _enclosed_updates(step.graph)
    collections = _Collections(step.graph)
    found = []
    for layer in step.layers:
        for variable in sorted(layer.statistics):
            of_variable = updates.of(variable)
            written = step.reached.writes.get(variable, frozenset())
            if of_variable and not of_variable & written:
                names, inner = {path[0] for path in of_variable}, enclosed.get(variable, set())
                where = collections.of(variable, names)
                found.append(MissedUpdate(variable, layer.name, tuple(sorted(names)), names <= inner, where))
            elif variable in enclosed and not written:
                names = enclosed[variable]
                where = collections.of(variable, names)
                found.append(MissedUpdate(variable, layer.name, tuple(sorted(names)), True, where))
    return tuple(found)


def assert_updates_run(train_op: Any, graph: tf.Graph | None = None, except_for: Iterable[str] = ()) -> None:
    """Raise unless a run of the train op updates all moving statistics that the graph can update.

    Arguments:
        train_op: an operation or tensor, or several that are always fetched together, as
            `[train_op, tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.UPDATE_OPS)]`.
        graph: the graph; None for that of the train op.
        except_for: beginnings of the names of statistics that are to stay, such as scopes of frozen layers.

    Raises:
        UpdatesNotRunError: a statistic's updates exist and none is reached; it names every such statistic.
    """
    excepted = (except_for,) if isinstance(except_for, str) else tuple(except_for)
    missed = tuple(each for each in missed_updates(train_op, graph) if not each.variable.startswith(excepted))
    if missed:
        raise UpdatesNotRunError(missed)


def describe_missed(missed: Iterable[MissedUpdate]) -> str:
    """One message for all statistics whose updates do not run, and what to do."""
    missed = tuple(missed)
    lines = [
        f"  {each.variable}: updated by {', '.join(each.operations)}"
        + (" inside a condition, loop or function" if each.inside else "")
        for each in missed
    ]
    outside = [each for each in missed if not each.inside]
    remedies = _remedies(outside)
    if any(each.inside for each in missed):
        remedies.append(
            "Nothing outside a condition, loop or function can run an update inside: build these layers with "
            "updates_collections=None, so that their updates are part of their output."
        )
    return (
        f"the train op does not run the updates of {counted(len(missed), 'moving statistic')}, so inference "
        "would normalize by what they were initialized or restored to:\n" + "\n".join([*lines, *remedies])
    )


def _remedies(missed: list[MissedUpdate]) -> list[str]:
    """What to do about updates that a train op can run: named by the collection that they are in."""
    if not missed:
        return []
    default = tf.compat.v1.GraphKeys.UPDATE_OPS
    names = sorted({name for each in missed for name in each.collections})
    if names in ([], [default]):
        wanted = "tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.UPDATE_OPS)"
        built = "Build the train op with steadynorm.tensorflow.create_train_op or minimize after all layers, or"
        found = [] if names else ["No collection holds these updates: add them to UPDATE_OPS first."]
    else:
        wanted = " + ".join(f"tf.compat.v1.get_collection({name!r})" for name in names)
        built = f"Give create_train_op or minimize update_ops={wanted}, or"
        found = []
    return [
        *found,
        f"{built} put the train op under tf.control_dependencies({wanted}). Of several networks in one graph, a step "
        "should run the updates of those alone that it trains: pick them by the scope argument of get_collection, and "
        "name what is to stay in except_for.",
    ]


def updated_by_others(step: StepReading) -> frozenset[str]:
    """Names of the variables that other train ops of the graph write: of the collection TRAIN_OP and by optimizers."""
    others = set(train_steps(step.graph, step.nodes)) - step.reached.nodes
    return frozenset(step.reachability.reach(others).writes)


def _registered_updates(graph: tf.Graph) -> dict[str, frozenset[str]]:
    """By statistic of this package's layers: the operations that run its updates, inside functions or not."""
    found: dict[str, frozenset[str]] = {}
    for record in layers(graph):
        operations = frozenset(each.name for each in record.updates)
        for variable in record.statistics:
            for name in operation_names(variable):
                found[name] = found.get(name, frozenset()) | operations
    return found


def _enclosed_updates(graph: tf.Graph) -> dict[str, set[str]]:
    """By statistic of this package's layers: updates collected where nothing outside can run them."""
    found: dict[str, set[str]] = {}
    for record in layers(graph):
        if record.updates_collections is None:
            continue
        names = {each.name for each in record.updates if is_enclosed(each, graph)}
        for variable in record.statistics if names else ():
            for name in operation_names(variable):
                found.setdefault(name, set()).update(names)
    return found


def is_enclosed(operation: tf.Operation, graph: tf.Graph) -> bool:
    """Whether an operation is inside a condition, a loop or a function of the graph, of either control flow."""
    inner = operation.graph is not graph and outermost(operation.graph) is graph
    return inner or operation._get_control_flow_context() is not None


class _Collections:
    """Tells which collections of a graph hold a statistic's updates."""

    def __init__(self, graph: tf.Graph) -> None:
        self._of_operations: dict[str, set[str]] = {}
        self._of_statistics: dict[str, set[str]] = {}
        for key in graph.get_all_collection_keys():
            for each in graph.get_collection(key) if isinstance(key, str) else ():
                if isinstance(each, (tf.Operation, tf.Tensor)):
                    self._of_operations.setdefault(to_operation(each).name, set()).add(key)
        for record in layers(graph):
            held = record.updates_collections if record.updates else None
            keys = [held] if isinstance(held, str) else held or ()
            for name in (name for variable in record.statistics for name in operation_names(variable)):
                self._of_statistics.setdefault(name, set()).update(keys)

    def of(self, variable: str, operations: Iterable[str]) -> tuple[str, ...]:
        """Names of the collections, of a layer of this package or of operations by name."""
        found = set(self._of_statistics.get(variable, ()))
        return tuple(sorted(found or set().union(*(self._of_operations.get(each, ()) for each in operations))))


class _Updates:
    """Tells updates of statistics from what initializes or restores them."""

    def __init__(self, nodes: Nodes, everything: Reach, registered: dict[str, frozenset[str]]) -> None:
        self._nodes = nodes
        self._everything = everything
        self._registered = registered

    def of(self, variable: str) -> frozenset[Path]:
        """The paths of all operations that update the variable."""
        written = self._everything.writes.get(variable, frozenset())
        return frozenset(path for path in written if self._updates(variable, path))

    def _updates(self, variable: str, path: Path) -> bool:
        if len(path) > 1:  # Initial and restored values are not assigned within functions.
            return True
        top = self._nodes.top
        node = top.nodes[path[0]]
        if node.op.startswith(_RELATIVE) or node.name in self._registered.get(variable, ()):
            return True
        value = ancestors(top, [producer(each) for each in node.inputs[1:]])
        return variable in value or any(top.nodes[each].op in _BATCH_OPS for each in value)
