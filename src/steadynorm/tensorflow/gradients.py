"""What slim's train op does to gradients between computing and applying them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import tensorflow as tf

GradientAndVariable: TypeAlias = tuple[Any, Any]


def multiplied(gradients: Sequence[GradientAndVariable], multipliers: Mapping[Any, Any]) -> list[GradientAndVariable]:
    """Scale gradients by variable.

    Arguments:
        gradients: pairs of a gradient (tensor, IndexedSlices or None) and its variable.
        multipliers: by variable or name of its operation, a factor.

    Raises:
        ValueError: a variable with a multiplier has no gradient.
    """
    by_name = {getattr(getattr(key, "op", key), "name", key): value for key, value in multipliers.items()}
    found = []
    for gradient, variable in gradients:
        name = variable.op.name
        if name in by_name:
            if gradient is None:
                raise ValueError(
                    f"gradient_multipliers names {name!r}, but the loss has no gradient with respect to it"
                )
            factor = tf.cast(by_name[name], gradient.dtype)
            gradient = _with_values(gradient, _values(gradient) * factor)
        found.append((gradient, variable))
    return found


def clipped(gradients: Sequence[GradientAndVariable], norm: float) -> list[GradientAndVariable]:
    """Clip each gradient by itself to a Euclidean norm."""
    return [
        (gradient if gradient is None else _with_values(gradient, tf.clip_by_norm(_values(gradient), norm)), variable)
        for gradient, variable in gradients
    ]


def after(operations: Sequence[Any], gradients: Sequence[GradientAndVariable]) -> list[GradientAndVariable]:
    """Gradients that are there only once the operations have run.

    What an optimizer makes to initialize itself, and tokens and queues that synchronize workers, must not wait for a
    batch; so the gradients wait, and not all that the optimizer makes.
    """
    graph = tf.compat.v1.get_default_graph()

    def waiting(gradient: Any) -> Any:
        with graph.colocate_with(gradient.op):
            return tf.nest.map_structure(tf.identity, gradient, expand_composites=True)

    with tf.control_dependencies(operations), tf.name_scope("gradients_after"):
        return [(gradient if gradient is None else waiting(gradient), variable) for gradient, variable in gradients]


def summarized(gradients: Sequence[GradientAndVariable]) -> None:
    """Write a histogram and the norm of each gradient to the summaries."""
    with tf.compat.v1.name_scope("summarize_grads"):
        for gradient, variable in gradients:
            if gradient is not None:
                tf.compat.v1.summary.histogram(variable.op.name + "_gradient", _values(gradient))
                tf.compat.v1.summary.scalar(variable.op.name + "_gradient_norm", tf.linalg.global_norm([gradient]))


def _values(gradient: Any) -> Any:
    return gradient.values if isinstance(gradient, tf.IndexedSlices) else gradient


def _with_values(gradient: Any, values: Any) -> Any:
    if isinstance(gradient, tf.IndexedSlices):
        return tf.IndexedSlices(values, gradient.indices, gradient.dense_shape)
    return values
