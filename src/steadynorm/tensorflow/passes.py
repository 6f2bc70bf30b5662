"""The passes over the data: moments, one affine map per channel, and their joint gradient, on the fused kernels.

Every option of batch normalization changes only the numbers per channel between the passes: y = x̂·scale + offset,
where x̂ = (x − mean) / √(variance + epsilon) by the batch, and scale and offset hold gamma, beta, renorm's r and d and
the adjustment. The kernel for training fixes scale and offset before it knows the moments; so options that need
the moments first take one pass more, the kernel's affine map for inference, and still the one kernel for the gradient.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

_GRADIENT = "SteadynormNormalizeGradient"


class Moments(NamedTuple):
    """Moments of a batch per channel, both float32 (C,).

    Attributes:
        mean: the mean.
        variance: the biased variance.
        reserve: what the gradient kernel of the same device wants to have back.
    """

    mean: Any
    variance: Any
    reserve: tuple[Any, ...] = ()


def standardize(x: Any, scale: Any, offset: Any, epsilon: float, count: Any) -> tuple[Any, Moments]:
    """Normalize a batch by its own moments, with a scale and an offset that do not depend on them.

    Args:
        x: values (…, …, …, C).
        scale: (C,).
        offset: (C,).
        epsilon: added to the variance.
        count: number of values per channel.

    Returns:
        The normalized values and the moments.
    """
    if x.dtype == tf.float64:
        moments = _double_moments(x)
        return _double_affine(x, moments.mean, moments.variance, scale, offset, epsilon), moments
    y, mean, corrected, *reserve = tf.raw_ops.FusedBatchNormV3(
        x=x, scale=scale, offset=offset, mean=[], variance=[], epsilon=epsilon, is_training=True
    )
    # The kernel corrects by n / (n − 1), and not at all for n = 1.
    variance = corrected * (tf.maximum(count - 1.0, 1.0) / tf.maximum(count, 1.0))
    return y, Moments(mean, variance, tuple(reserve))


def affine(x: Any, mean: Any, variance: Any, scale: Any, offset: Any, epsilon: float) -> Any:
    """Return (x − mean) / √(variance + epsilon) · scale + offset, where mean and variance are constants.

    Args:
        x: values (…, …, …, C).
        mean: (C,); so are the others.
        variance: biased variance.
        scale: scale.
        offset: offset.
        epsilon: added to the variance.
    """
    if x.dtype == tf.float64:
        return _double_affine(x, mean, variance, scale, offset, epsilon)
    return tf.raw_ops.FusedBatchNormV3(
        x=x, scale=scale, offset=offset, mean=mean, variance=variance, epsilon=epsilon, is_training=False
    ).y


def normalize(x: Any, moments: Moments, scale: Any, offset: Any, epsilon: float) -> Any:
    """Normalize a batch by its own moments, with a scale and an offset that may be computed from them.

    The gradient flows through x, also by way of the moments, and through scale and offset; what these two themselves
    owe to the moments is up to them (renorm holds it constant).

    Args:
        x: values (…, …, …, C).
        moments: of `x`, from `standardize`.
        scale: (C,).
        offset: (C,).
        epsilon: added to the variance, as in `standardize`.
    """
    y = affine(x, moments.mean, moments.variance, scale, offset, epsilon)
    if x.dtype == tf.float64:
        return y  # no fused kernels, and so TensorFlow knows the gradients of all operations in it
    graph = tf.compat.v1.get_default_graph()
    with graph.gradient_override_map({"IdentityN": _GRADIENT}):
        return tf.identity_n([y, x, scale, offset, tf.constant(epsilon, tf.float32), *moments.reserve])[0]


@tf.RegisterGradient(_GRADIENT)  # type: ignore[untyped-decorator]
def _normalize_gradient(op: Any, dy: Any, *_: Any) -> list[Any]:
    _, x, scale, _, epsilon, *reserve = op.inputs
    gradient = tf.raw_ops.FusedBatchNormGradV3(
        y_backprop=dy,
        x=x,
        scale=scale,
        reserve_space_1=reserve[0],
        reserve_space_2=reserve[1],
        reserve_space_3=reserve[2],
        epsilon=float(tf.get_static_value(epsilon)),
        is_training=True,
    )
    return [None, gradient.x_backprop, gradient.scale_backprop, gradient.offset_backprop, None, *[None] * len(reserve)]


def _double_moments(x: Any) -> Moments:
    """There is no fused kernel for float64."""
    mean = tf.reduce_mean(x, [0, 1, 2])
    return Moments(mean, tf.reduce_mean(tf.math.squared_difference(x, mean), [0, 1, 2]))


def _double_affine(x: Any, mean: Any, variance: Any, scale: Any, offset: Any, epsilon: float) -> Any:
    return (x - mean) * (tf.math.rsqrt(variance + epsilon) * scale) + offset
