"""What a layer can be applied to, and what is said otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import tensorflow as tf

from steadynorm.norm.axes import channel_axes
from steadynorm.norm.config import NormConfig
from steadynorm.tensorflow.registry import require_graph
from steadynorm.tensorflow.view import View

DTYPES = (tf.float16, tf.bfloat16, tf.float32, tf.float64)


def to_input(inputs: Any, layer: str) -> Any:
    """Return the input as a tensor.

    Raises:
        RuntimeError: no graph is being built.
        ValueError: its rank is unknown, or it has no axes.
        TypeError: its values are no floating-point numbers.
    """
    check_graph(layer)
    x = tf.convert_to_tensor(inputs)
    if x.dtype not in DTYPES:
        raise TypeError(
            f"the input {x.name} of batch normalization {layer!r} is {x.dtype.name}; expected one of "
            f"{', '.join(dtype.name for dtype in DTYPES)}: cast it first"
        )
    check_rank(x, layer)
    if x.shape.rank == 0:
        raise ValueError(
            f"the input {x.name} of batch normalization {layer!r} is a single number; expected at least two axes, "
            "samples and channels: give it the axes that it lacks, as with tf.reshape"
        )
    return x


def check_graph(layer: str) -> None:
    """Raise RuntimeError if no graph is being built."""
    require_graph(f"batch normalization {layer!r}")


def check_rank(x: Any, layer: str) -> None:
    """Raise ValueError if the number of axes is unknown."""
    if x.shape.rank is None:
        raise ValueError(
            f"the input {x.name} of batch normalization {layer!r} has an unknown number of axes; expected a known one, "
            "sizes other than that of the channels may be unknown: call set_shape on it"
        )


def arrange(x: Any, config: NormConfig, layer: str) -> View:
    """Return the arrangement of the input that the layer asks for.

    Raises:
        ValueError: the channel axes do not exist or have unknown sizes, or nothing else is left to reduce, or virtual
            batches are to divide the channels.
    """
    sizes = tuple(x.shape.as_list())
    where = f"the input {x.name} of batch normalization {layer!r}"
    try:
        kept = channel_axes(config.axis, len(sizes))
    except ValueError as error:
        raise ValueError(f"{where} has shape {x.shape}: {error}: name axes that it has") from error
    for axis in kept:
        if sizes[axis] is None:
            raise ValueError(
                f"{where} has shape {x.shape}, in which the number of channels (axis {axis}) is unknown; expected a "
                "known one, since gamma, beta and the statistics have one value per channel: call set_shape on it"
            )
    if len(kept) == len(sizes):
        raise ValueError(
            f"{where} has shape {x.shape}, and all its axes are channel axes; expected at least one to take moments "
            "over, usually the batch: name fewer"
        )
    size = config.virtual_batch_size
    if size is not None and 0 in kept:
        raise ValueError(
            f"{where} has its channels on axis {config.axis}, which is the batch, but virtual_batch_size {size} "
            "divides the batch; expected the channels on another axis: change axis, or drop virtual_batch_size"
        )
    return View(sizes, kept, size)


def check_divisible(x: Any, view: View, mode: Any, layer: str) -> tuple[Any, View]:
    """Return input and arrangement for normalizing by the batch, which virtual batches must divide.

    Inference takes any batch: a batch that does not fit is refused here only if the layer is in training for good, and
    otherwise by what is returned, when it runs.

    Raises:
        ValueError: the mode is True, and virtual batches do not divide the batch.
    """
    size, samples = view.group_size, view.sizes[0]
    if size is None or (samples is not None and samples % size == 0):
        return x, view
    if samples is not None and mode is True:
        raise ValueError(
            f"virtual_batch_size {size} does not divide the batch of {samples} in the input {x.name} of batch "
            f"normalization {layer!r}; expected a multiple: change one of them, or drop the last, smaller batch"
        )
    actual = tf.shape(x)[0]
    message = (
        f"virtual_batch_size {size} does not divide the batch of batch normalization {layer!r}; expected a multiple: "
        "drop the last, smaller batch, or pad it; the size of the batch was"
    )
    with tf.control_dependencies([tf.compat.v1.Assert(tf.equal(actual % size, 0), [message, actual])]):
        if samples is None:
            return tf.identity(x), view
        # A batch that is known not to fit could not even be arranged, so its size is hidden.
        sizes = (None, *view.sizes[1:])
        return tf.compat.v1.placeholder_with_default(x, sizes), replace(view, sizes=sizes)


def check_weights(weights: Any, x: Any, layer: str) -> Any:
    """Return the weights of the samples as a tensor (N,).

    Raises:
        ValueError: they have another shape.
    """
    tensor = tf.convert_to_tensor(weights)
    if not tensor.shape.is_compatible_with(x.shape[:1]):
        raise ValueError(
            f"batch_weights of batch normalization {layer!r} has shape {tensor.shape} for the input {x.name} of shape "
            f"{x.shape}; expected one weight per sample, {x.shape[:1]}: reduce or reshape them"
        )
    return tf.ensure_shape(tensor, x.shape[:1])
