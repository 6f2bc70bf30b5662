"""One application of a layer: the branch for each mode, where the updates go, and the record of it."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from steadynorm.tensorflow.averages import is_resource
from steadynorm.tensorflow.fetches import to_operation
from steadynorm.tensorflow.inputs import check_divisible
from steadynorm.tensorflow.mode import choose
from steadynorm.tensorflow.passes import affine
from steadynorm.tensorflow.registry import LayerRecord, register
from steadynorm.tensorflow.training import Batch, Options, training_batch, update
from steadynorm.tensorflow.variables import Variables
from steadynorm.tensorflow.view import View
from steadynorm.tensorflow.watch import watch_graph


def apply_layer(
    name: str,
    x: Any,
    view: View,
    variables: Variables,
    options: Options,
    mode: Any,
    updates_collections: Any,
    domain: str | None,
    as_operations: bool,
) -> LayerRecord:
    """Normalize the input by the batch or by the averages, and arrange for the updates.

    A mode that is a tensor makes a branch for training and one for inference. Reference variables cannot be assigned
    within the branches of today's TensorFlow: their updates come after and move nothing in inference.

    Args:
        name: variable scope of the layer.
        x: the input.
        view: its arrangement.
        variables: of the layer.
        options: of the layer.
        mode: True, False or a boolean scalar tensor.
        updates_collections: names of the collections that get the updates; None makes them part of the output.
        domain: name of the statistics if there are several.
        as_operations: whether the collections get operations, as from tf.layers, or tensors where there are, as from
            slim's own implementations.

    Returns:
        The record, which the graph has, too; its output is the layer's.
    """
    updating = mode is not False and options.config.update_statistics
    forced = updates_collections is None
    inside = isinstance(mode, bool) or is_resource(variables.moving_mean)
    batch = _normalized(name, x, view, variables, options, mode, updating and forced and inside)
    output = batch.output
    updates: tuple[Any, ...] = ()
    if updating and forced:
        output = output if inside else _after(update(variables, batch, options), output)
        updates = (output.op,)
    elif updating:
        made = _updates(mode if inside else True, variables, batch, options)
        updates = tuple(to_operation(each) for each in made)
        _collect(updates if as_operations else made, updates_collections)
    record = LayerRecord(
        name=name,
        moving_mean=variables.moving_mean,
        moving_variance=variables.moving_variance,
        gamma=variables.gamma,
        beta=variables.beta,
        extras=variables.extras,
        updates=updates,
        mode=mode,
        updates_collections=updates_collections,
        domain=domain,
        output=output,
    )
    register(record)
    watch_graph()
    return record


def _normalized(
    name: str, x: Any, view: View, variables: Variables, options: Options, mode: Any, updated: bool
) -> Batch:
    """Normalize by the batch or by the averages, as the mode says; `updated`: the output comes after the updates."""
    scale, offset = _parameters(variables, view, _dtype(x))

    def train() -> list[Any]:
        batch = training_batch(*check_divisible(x, view, mode, name), scale, offset, variables, options)
        if updated:
            batch = batch._replace(output=_after(update(variables, batch, options), batch.output))
        return [*batch[:-1], tf.constant(True) if batch.seen is None else batch.seen]

    def infer() -> list[Any]:
        mean, variance = (_flat(v) for v in (variables.moving_mean, variables.moving_variance))
        whole = View(view.sizes, view.kept)
        (values,) = whole.to_kernels(x)
        y = affine(values, mean, variance, scale, offset, options.config.epsilon)
        return [whole.from_kernels([y], x), mean, variance, variance, tf.constant(False)]

    output, mean, variance, stored, seen = choose(mode, train, infer)
    output.set_shape(x.shape)
    return Batch(output, mean, variance, stored, None if tf.get_static_value(seen) else seen)


def _updates(mode: Any, variables: Variables, batch: Batch, options: Options) -> tuple[Any, ...]:
    """Return what runs the updates in training, for a mode that is a tensor a branch."""
    if mode is True:
        return tuple(update(variables, batch, options))

    def run() -> Any:
        return _after(update(variables, batch, options), tf.constant(True))

    return (choose(mode, run, lambda: tf.constant(False)),)


def _collect(updates: tuple[Any, ...], collections: Any) -> None:
    for each in updates:
        tf.compat.v1.add_to_collections(collections, each)


def _after(operations: list[Any], value: Any) -> Any:
    with tf.control_dependencies(operations):
        return tf.identity(value)


def _parameters(variables: Variables, view: View, dtype: tf.DType) -> tuple[Any, Any]:
    scale = tf.ones([view.channels], dtype) if variables.gamma is None else _flat(variables.gamma)
    offset = tf.zeros([view.channels], dtype) if variables.beta is None else _flat(variables.beta)
    return scale, offset


def _flat(variable: Any) -> Any:
    return tf.reshape(tf.convert_to_tensor(variable), [-1])


def _dtype(x: Any) -> tf.DType:
    return tf.float64 if x.dtype == tf.float64 else tf.float32
