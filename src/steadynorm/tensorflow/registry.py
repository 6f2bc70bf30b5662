"""Which layers a graph holds: one record per application of a layer, kept by the graph itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

# A key that is no string: export_meta_graph passes over such collections, since records have no protocol buffer.
_COLLECTION: Any = ("steadynorm", "layers")


@dataclass(frozen=True, eq=False)
class LayerRecord:
    """One application of a batch-normalization layer; a layer that is applied twice has two with equal variables.

    Attributes:
        name: variable scope of the layer, such as "net/conv1/BatchNorm".
        moving_mean: average of the mean for inference, shape (C,).
        moving_variance: average of the variance for inference, shape (C,).
        gamma: scale, shape (C,), a partitioned variable if a partitioner was set; None without scale.
        beta: offset, likewise; None without center.
        extras: the other statistics by their role: moving_stddev, renorm_mean and renorm_stddev with renorm, biased
            and local_step with zero_debias_moving_mean.
        updates: operations that run all updates of the statistics; empty where training never updates.
        mode: True, False, or the boolean tensor that chooses training.
        updates_collections: name or names of the collections that hold `updates`, some as tensors; None if they are
            part of the output.
        domain: the name of these statistics among several over one gamma and beta; None for a layer with one set.
        output: what the layer returned before any activation.
    """

    name: str
    moving_mean: Any
    moving_variance: Any
    gamma: Any = None
    beta: Any = None
    extras: Mapping[str, Any] = field(default_factory=dict)
    updates: tuple[Any, ...] = ()
    mode: Any = False
    updates_collections: str | Sequence[str] | None = None
    domain: str | None = None
    output: Any = None

    @property
    def statistics(self) -> tuple[Any, ...]:
        """All variables that training moves by averaging; inference needs them beside gamma and beta."""
        return (self.moving_mean, self.moving_variance, *self.extras.values())

    @property
    def parameters(self) -> tuple[Any, ...]:
        """Gamma and beta, as far as the layer has them."""
        return tuple(variable for variable in (self.gamma, self.beta) if variable is not None)


def layers(graph: tf.Graph | None = None) -> tuple[LayerRecord, ...]:
    """Return the records of all batch-normalization layers of this package in a graph, in the order of their creation.

    Layers within functions and branches of the graph are included.

    Args:
        graph: the graph; None for the default one.
    """
    return tuple(outermost(graph).get_collection(_COLLECTION))


def register(record: LayerRecord) -> None:
    """Keep the record with the graph that is being built."""
    outermost(None).add_to_collection(_COLLECTION, record)


def require_graph(what: str) -> None:
    """Raise RuntimeError if no graph is being built.

    Args:
        what: was called, for the error.
    """
    if tf.executing_eagerly():
        raise RuntimeError(
            f"{what} was called or built in eager mode; expected a graph, as in TensorFlow 1: build the model within "
            "tf.Graph().as_default(), or call tf.compat.v1.disable_eager_execution() first"
        )


def outermost(graph: tf.Graph | None) -> tf.Graph:
    """Return the graph that a function's or branch's graph is part of, or the graph itself."""
    graph = tf.compat.v1.get_default_graph() if graph is None else graph
    while getattr(graph, "outer_graph", None) is not None:
        graph = graph.outer_graph
    return graph
