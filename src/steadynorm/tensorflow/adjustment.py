"""TensorFlow's adjustment: a scale and a bias of the normalized value, before gamma and beta, in training only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from steadynorm.tensorflow.view import View


@dataclass(frozen=True, eq=False)
class PerChannel:
    """An adjustment that the per-channel arithmetic takes up: scale and bias are (C,), or (1,) for all channels."""

    scale: Any
    bias: Any


@dataclass(frozen=True, eq=False)
class PerValue:
    """An adjustment that differs within a channel; scale and bias broadcast to the input."""

    scale: Any
    bias: Any
    view: View

    def apply(self, normalized: Any, gamma: Any, beta: Any) -> Any:
        """Return the adjusted values times gamma plus beta (C,), of the shape and type of the normalized ones."""
        gamma, beta = (tf.reshape(part, self.view.per_channel) for part in (gamma, beta))
        values = tf.cast(normalized, gamma.dtype)
        adjusted = (values * tf.cast(self.scale, gamma.dtype) + tf.cast(self.bias, gamma.dtype)) * gamma + beta
        result = tf.cast(adjusted, normalized.dtype)
        result.set_shape(self.view.sizes)
        return result


def adjust(adjustment: Callable[[Any], Any], x: Any, view: View) -> PerChannel | PerValue:
    """Call the user's function and find out whether its result differs within a channel.

    Args:
        adjustment: takes the shape of the input as a tensor and returns (scale, bias).
        x: the input.
        view: its arrangement.

    Raises:
        ValueError: it returns something else than two.
    """
    result = adjustment(tf.shape(x))
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise ValueError(
            f"adjustment returned {result!r}; expected a pair (scale, bias) of tensors that broadcast to the input of "
            f"shape {x.shape}: return both"
        )
    dtype = tf.float64 if x.dtype == tf.float64 else tf.float32
    scale, bias = (tf.cast(part, dtype) for part in result)
    flat = [_flat(part, view) for part in (scale, bias)]
    if any(part is None for part in flat):
        return PerValue(scale, bias, view)
    return PerChannel(*flat)


def _flat(part: Any, view: View) -> Any:
    """Return (C,) or (1,) if the tensor is the same within each channel, otherwise None."""
    rank = part.shape.rank
    if rank is None or rank > view.rank:
        return None
    sizes = [1] * (view.rank - rank) + part.shape.as_list()
    if any(sizes[a] != 1 for a in range(len(sizes)) if a not in view.kept):
        return None
    kept = [sizes[a] for a in view.kept]
    if len(kept) > 1 and not all(size == 1 for size in kept):
        part = tf.broadcast_to(part, view.per_channel)
    return tf.reshape(part, [-1])
