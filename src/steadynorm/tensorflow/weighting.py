"""Moments of samples that count unequally, and the gradient through them."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from steadynorm.tensorflow.passes import Moments, affine
from steadynorm.tensorflow.view import View

_GRADIENT = "SteadynormWeightedGradient"
_SECOND_GRADIENT = "SteadynormWeightedSecondGradient"


def sample_shares(weights: Any, x: Any, view: View) -> tuple[Any, Any]:
    """Return each sample's share of all values, such that they sum to one over all values, and whether there is any.

    Args:
        weights: one per sample (N,).
        x: the input, samples on axis 0.
        view: its arrangement.
    """
    total = total_weight(weights, x, view)
    seen = total > 0
    weights = _cast(weights, x)
    return tf.where(seen, weights / tf.where(seen, total, tf.ones_like(total)), tf.zeros_like(weights)), seen


def total_weight(weights: Any, x: Any, view: View) -> Any:
    """Return the sum of the weights of all values per channel."""
    weights = _cast(weights, x)
    positions = tf.size(x) // tf.maximum(tf.size(weights) * view.channels, 1)
    return tf.reduce_sum(weights) * tf.cast(positions, weights.dtype)


def weighted_moments(values: Any, shares: Any) -> Moments:
    """Return mean and variance of values that count by their share.

    Args:
        values: (…, …, …, C), samples first.
        shares: of each sample (N,).
    """
    row = _row(values, shares)
    mean = _sum(values, row)
    one, zero = tf.ones_like(mean), tf.zeros_like(mean)
    centred = affine(values, mean, one, one, zero, 0.0)
    variance = _sum(tf.square(centred), row)
    return Moments(mean, variance)


def normalize_weighted(values: Any, moments: Moments, scale: Any, offset: Any, shares: Any, epsilon: float) -> Any:
    """Normalize by weighted moments, with a gradient through them.

    Args:
        values: (…, …, …, C), samples first.
        moments: from `weighted_moments`.
        scale: (C,).
        offset: (C,).
        shares: of each sample (N,); all zero if the moments do not come from the values.
        epsilon: added to the variance.
    """
    variance = moments.variance + epsilon
    y = affine(values, moments.mean, variance, scale, offset, 0.0)
    if values.dtype == tf.float64:
        return y  # there are no fused kernels for it, and TensorFlow knows the gradients of all operations in it
    graph = tf.compat.v1.get_default_graph()
    with graph.gradient_override_map({"IdentityN": _GRADIENT}):
        return tf.identity_n([y, values, scale, offset, moments.mean, variance, shares])[0]


@tf.RegisterGradient(_GRADIENT)  # type: ignore[untyped-decorator]
def _weighted_gradient(op: Any, dy: Any, *_: Any) -> list[Any]:
    _, x, scale, _, mean, variance, shares = op.inputs
    direct, d_scale, d_offset, *_ = tf.raw_ops.FusedBatchNormGradV3(
        y_backprop=dy,
        x=x,
        scale=scale,
        reserve_space_1=mean,
        reserve_space_2=variance,
        reserve_space_3=[],
        epsilon=0.0,
        is_training=False,
    )
    slope = -tf.math.rsqrt(variance) * scale
    through_moments = affine(x, mean, variance, slope * d_scale, slope * d_offset, 0.0)
    rows = tf.reshape(through_moments, [tf.size(shares), -1]) * tf.cast(shares, x.dtype)[:, None]
    dx = direct + tf.reshape(rows, tf.shape(x))
    graph = tf.compat.v1.get_default_graph()
    with graph.gradient_override_map({"IdentityN": _SECOND_GRADIENT}):
        results = tf.identity_n([dx, d_scale, d_offset, dy, x, scale, mean, variance, shares])[:3]
    return [None, *results, None, None, None]


@tf.RegisterGradient(_SECOND_GRADIENT)  # type: ignore[untyped-decorator]
def _weighted_second_gradient(op: Any, d_dx: Any, d_d_scale: Any, d_d_offset: Any, *_: Any) -> list[Any]:
    """The kernels take the moments for constants in their own gradients, so this one goes the long way."""
    # Cut off from what they are made of, since tf.gradients would follow that, too.
    dy, x, scale, mean, variance, shares = (tf.stop_gradient(each) for each in op.inputs[3:])
    values = tf.cast(x, scale.dtype)
    weights = tf.reshape(_row(x, shares), tf.concat([tf.shape(x)[:3], [1]], 0))
    seen = tf.reduce_any(shares > 0)
    own_mean = tf.reduce_sum(weights * values, [0, 1, 2])
    own_variance = tf.reduce_sum(weights * tf.math.squared_difference(values, own_mean), [0, 1, 2])
    epsilon = tf.stop_gradient(variance - own_variance)
    mean, variance = tf.where(seen, own_mean, mean), tf.where(seen, own_variance + epsilon, variance)
    offset = tf.zeros_like(scale)
    y = tf.cast((values - mean) * (tf.math.rsqrt(variance) * scale) + offset, x.dtype)
    first = tf.gradients(y, [x, scale, offset], dy)
    second = tf.gradients(first, [dy, x, scale], [d_dx, d_d_scale, d_d_offset])
    return [None, None, None, *second, None, None, None]


def _row(values: Any, shares: Any) -> Any:
    """Return the share of each row of values, (1, rows)."""
    rows = tf.size(values) // tf.maximum(tf.shape(values)[-1] * tf.size(shares), 1)
    return tf.repeat(shares, rows)[None]


def _sum(values: Any, row: Any) -> Any:
    """Return the sum of rows by their shares, (C,), at the speed of a matrix product."""
    flat = tf.reshape(values, [-1, values.shape[-1]])
    return tf.matmul(row, tf.cast(flat, row.dtype))[0]


def _cast(weights: Any, x: Any) -> Any:
    return tf.cast(weights, tf.float64 if x.dtype == tf.float64 else tf.float32)
