"""Nodes beside every place that normalizes: they tell what it is fed, and let it normalize by something else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

from steadynorm.evidence import Mode
from steadynorm.graphs.nodes import producer
from steadynorm.tensorflow.graph_copy.flow import in_loops
from steadynorm.tensorflow.graph_copy.layers import Spot

Record: TypeAlias = Callable[[int, int, Any, Any, bool], None]
"""Is told, whenever a place runs: its number, values per channel, their mean and variance, and whether it normalizes
by these."""

_SAME = 1e-3


@dataclass(frozen=True, slots=True)
class Switch:
    """What switches one place, by the names of the tensors.

    Arguments:
        replaced: to be fed True to normalize by the next two.
        mean: shape (channels,).
        variance: shape (channels,).
        output: what stands for the output of the place.
        own: names of the operations that were added for it.
    """

    replaced: str
    mean: str
    variance: str
    output: str
    own: frozenset[str]


_LOOPED = "inside of a loop or function, where nothing can be put beside them"
_SCATTERED = "their channels are not one known axis"


def add_switches(graph: Any, spots: Sequence[Spot], record: Record) -> tuple[str, dict[int, Switch], dict[int, str]]:
    """Adds the nodes to a graph; nothing reads them until `redirected` has changed its definition.

    Places whose channels cannot be told, and places in loops, get none.

    Arguments:
        graph: the graph, without functions.
        spots: its places.
        record: is called whenever a place with a switch is computed.

    Returns:
        the name of the tensor that is fed True to normalize by the batch everywhere, and by the number of the place its
        switch, or why it has none.
    """
    looped = in_loops(graph)
    found = {}
    left_out = {}
    with graph.as_default():
        by_batch = tf.compat.v1.placeholder_with_default(False, (), "steadynorm/by_batch")
        for number, spot in enumerate(spots):
            if spot.place.output in looped or not _is_there(graph, spot):
                left_out[number] = _LOOPED
                continue
            channel = _channel_axis(graph, spot)
            if channel is None:
                left_out[number] = _SCATTERED
            else:
                before = {each.name for each in graph.get_operations()}
                names = _switch(graph, number, spot, channel, by_batch, record)
                own = frozenset(each.name for each in graph.get_operations()) - before
                found[number] = Switch(*names, own)
    return by_batch.name, found, left_out


def redirected(graph_def: Any, spots: Sequence[Spot], switches: Mapping[int, Switch]) -> Any:
    """Lets everything that reads the output of a place read that of its switch; changes the definition itself."""
    instead: dict[str, list[tuple[Spot, Switch]]] = {}
    for number, switch in switches.items():
        instead.setdefault(spots[number].place.output, []).append((spots[number], switch))
    for node in graph_def.node:
        for index, reference in enumerate(node.input):
            name, _, output = reference.partition(":")
            for spot, switch in instead.get(name, ()) if output in ("", "0") else ():
                if node.name not in switch.own and node.name not in spot.place.inside:
                    node.input[index] = producer(switch.output)
    return graph_def


def _switch(
    graph: Any, number: int, spot: Spot, channel: int, by_batch: Any, record: Record
) -> tuple[str, str, str, str]:
    place = spot.place
    x, own = _tensor(graph, place.x), _tensor(graph, place.output)
    wide = tf.cast(x, tf.float64 if x.dtype == tf.float64 else tf.float32)
    axes = [each for each in range(x.shape.rank) if each != channel]
    shape = [-1 if each == channel else 1 for each in range(x.shape.rank)]
    mean = tf.reduce_mean(wide, axes, keepdims=True)
    deviations = wide - mean
    # The rounding of the mean leaves a small common deviation, which is taken out of both.
    rest = tf.reduce_mean(deviations, axes, keepdims=True)
    variance = tf.maximum(tf.reduce_mean(tf.square(deviations), axes, keepdims=True) - tf.square(rest), 0)
    mean = mean + rest
    values = tf.size(x) // tf.maximum(tf.size(mean), 1)
    replaced = tf.compat.v1.placeholder_with_default(False, ())
    others = [tf.compat.v1.placeholder_with_default(tf.fill([1], tf.cast(each, wide.dtype)), [None]) for each in (0, 1)]
    one, zero = tf.ones((), wide.dtype), tf.zeros((), wide.dtype)
    gamma = one if place.scale is None else tf.reshape(tf.cast(_tensor(graph, place.scale), wide.dtype), shape)
    beta = zero if place.offset is None else tf.reshape(tf.cast(_tensor(graph, place.offset), wide.dtype), shape)
    epsilon = 1e-3 if place.epsilon is None else place.epsilon

    def normalized(center: Any, spread: Any) -> Any:
        return (wide - center) * (tf.math.rsqrt(spread + epsilon) * gamma) + beta

    taken = by_batch & (values > 1) & tf.logical_not(replaced)
    told = tf.numpy_function(
        _telling(number, record), [values, mean, variance, _by_batch(spot, own, normalized(mean, variance))], tf.int32
    )
    chosen = normalized(
        tf.where(taken, mean, tf.reshape(others[0], shape)), tf.where(taken, variance, tf.reshape(others[1], shape))
    )
    with tf.control_dependencies([told]):
        output = tf.where(taken | replaced, tf.cast(chosen, own.dtype), own)
    return replaced.name, others[0].name, others[1].name, output.name


def _by_batch(spot: Spot, own: Any, by_moments: Any) -> Any:
    """Whether a place normalizes by its batch; where its structure does not say, its output does."""
    if spot.mode is not None:
        return tf.constant(spot.mode is Mode.BATCH)
    own = tf.cast(own, by_moments.dtype)
    return tf.reduce_max(tf.abs(own - by_moments)) <= _SAME * tf.reduce_max(tf.abs(own))


def _telling(number: int, record: Record) -> Callable[..., Any]:
    def tell(values: Any, mean: Any, variance: Any, by_batch: Any) -> Any:
        record(number, int(values), np.ravel(mean), np.ravel(variance), bool(by_batch))
        return np.int32(0)

    return tell


def _tensor(graph: Any, reference: str) -> Any:
    return graph.get_tensor_by_name(reference if ":" in reference else f"{reference}:0")


def _is_there(graph: Any, spot: Spot) -> bool:
    """Whether a place is in the graph itself, and not in a function that could not be inlined."""
    try:
        _tensor(graph, spot.place.x), _tensor(graph, spot.place.output)
    except (KeyError, ValueError):
        return False
    return True


def _channel_axis(graph: Any, spot: Spot) -> int | None:
    """The axis that is not reduced, `None` if it is not one."""
    x, own = _tensor(graph, spot.place.x), _tensor(graph, spot.place.output)
    rank = x.shape.rank
    if not rank or own.shape.rank not in (None, rank):
        return None
    reduced = range(rank - 1) if spot.axes is None else {each % rank for each in spot.axes}
    kept = [each for each in range(rank) if each not in reduced]
    return kept[0] if len(kept) == 1 else None
