"""Batch normalization with every option, forward and backward, in float64: what all layers are tested against.

Every option is the same four steps on values arranged as (groups, positions, channels): moments per group,
normalization, per-channel corrections (renorm, adjustment, gamma, beta), one update of the averages. A virtual batch
is a group, a frozen layer takes its moments from the averages, and weights change only what the moments are.

Sources: Ioffe & Szegedy (2015), algorithms 1 and 2; Ioffe (2017) for renorm; Hoffer et al. (2017) for virtual
("ghost") batches; tf.layers.batch_normalization and tf.contrib.layers.batch_norm for the order of the steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from steadynorm.norm.axes import channel_axes
from steadynorm.norm.config import NormConfig
from steadynorm.norm.layout import FloatArray, Layout, expand_weights
from steadynorm.norm.moments import Moments
from steadynorm.norm.state import State


@dataclass(frozen=True, eq=False)
class Gradients:
    """Gradients of the loss.

    Attributes:
        dx: with respect to the input, of its shape.
        dgamma: with respect to gamma, of its shape; None without scale.
        dbeta: with respect to beta, of its shape; None without center.
    """

    dx: FloatArray
    dgamma: FloatArray | None
    dbeta: FloatArray | None


@dataclass(frozen=True, eq=False)
class Cache:
    """What `backward` needs of a forward pass; arrays broadcast to (groups, positions, channels).

    Attributes:
        layout: the arrangement of the values.
        normalized: x̂ = (x − mean) / √(variance + epsilon).
        corrected: what gamma multiplies: x̂ after renorm and adjustment.
        inverse_stddev: 1 / √(variance + epsilon).
        slope: the derivative of the output with respect to x̂.
        shares: each value's share of its group's moments, weight / total weight; zero if the moments are constants.
        scale: whether there is a gamma.
        center: whether there is a beta.
    """

    layout: Layout
    normalized: FloatArray
    corrected: FloatArray
    inverse_stddev: FloatArray
    slope: FloatArray
    shares: FloatArray
    scale: bool
    center: bool


@dataclass(frozen=True, eq=False)
class _Batch:
    """Moments of the groups (groups, channels) and what they amount to for the whole batch (channels,)."""

    mean: FloatArray
    variance: FloatArray
    count: FloatArray
    total_mean: FloatArray
    total_variance: FloatArray
    stored_variance: FloatArray


def training_forward(
    x: ArrayLike,
    state: State,
    config: NormConfig,
    weights: ArrayLike | None = None,
    adjustment: tuple[ArrayLike, ArrayLike] | None = None,
) -> tuple[FloatArray, State, Cache]:
    """Normalize one training batch.

    Output, r and d of renorm come from the averages before the batch, the returned state from the batch. A batch or
    a virtual batch without any weight has no moments: it is normalized by the averages and moves none of them.

    Args:
        x: input of any shape; with synchronized, the batches of all replicas together.
        state: the variables before the batch.
        config: the layer.
        weights: for a weighted layer, non-negative weights per sample (N,) or per position (the shape of `x` without
            the channel axes); None for equal ones. Every value is normalized, whatever its weight.
        adjustment: for an adjusted layer, the scale and the bias of the normalized value; both broadcast to `x`.

    Returns:
        The output of the shape of `x`, the variables after the batch, and what `backward` needs.

    Raises:
        ValueError: shapes do not fit, or weights or adjustment do not go with the configuration.
    """
    layout = _layout(x, state, config)
    _check_extras(config, weights, adjustment)
    values = layout.split(x)
    spread = np.ones_like(values) if weights is None else layout.split(_position_weights(weights, layout))
    batch = _batch(values, spread, config)
    learning = not config.frozen and bool(batch.count.sum() > 0)
    seen = (batch.count > 0) & learning
    mean = np.where(seen, batch.mean, _channels(state.moving_mean, 0.0))[:, None]
    variance = np.where(seen, batch.variance, _channels(state.moving_variance, 1.0))[:, None]
    inverse_stddev = 1 / np.sqrt(variance + config.epsilon)
    normalized = (values - mean) * inverse_stddev

    corrected, slope = normalized, np.ones_like(normalized)
    if config.renorm is not None and learning:
        r, d = config.renorm.correction(
            batch.total_mean,
            np.sqrt(batch.total_variance + config.epsilon),
            _channels(state.renorm_mean, 0.0),
            _channels(state.renorm_stddev, 1.0),
            config.epsilon,
        )
        corrected, slope = corrected * r + d, slope * r
    if adjustment is not None and not config.frozen:
        scale, bias = (layout.split(part) for part in adjustment)
        corrected, slope = corrected * scale + bias, slope * scale
    gamma = _channels(state.gamma, 1.0)
    y = layout.join(corrected * gamma + _channels(state.beta, 0.0))

    shares = np.where(seen, 1 / np.where(seen, batch.count, 1.0), 0.0)[:, None] * spread
    cache = Cache(layout, normalized, corrected, inverse_stddev, slope * gamma, shares, config.scale, config.center)
    if not learning:
        return y, state, cache
    parts = (batch.total_mean, batch.total_variance, batch.stored_variance)
    return y, state.updated(config, *(part.reshape(layout.channels) for part in parts)), cache


def backward(dy: ArrayLike, cache: Cache) -> Gradients:
    """Return the gradients of a loss from its gradient with respect to the output.

    The gradient flows through the moments of the batch; renorm's r and d, the averages, the weights and the
    adjustment are constants.

    Args:
        dy: gradient with respect to the output, of its shape.
        cache: from `training_forward`.

    Raises:
        ValueError: `dy` has another shape than the output.
    """
    layout = cache.layout
    if np.shape(dy) != layout.shape:
        raise ValueError(f"dy has shape {np.shape(dy)}; expected that of the output, {layout.shape}: pass that")
    outer = layout.split(dy)
    inner = outer * cache.slope
    through_mean = inner.sum(axis=1, keepdims=True)
    through_variance = (inner * cache.normalized).sum(axis=1, keepdims=True)
    dx = cache.inverse_stddev * (inner - cache.shares * (through_mean + cache.normalized * through_variance))
    dgamma = (outer * cache.corrected).sum(axis=(0, 1)).reshape(layout.channels) if cache.scale else None
    dbeta = outer.sum(axis=(0, 1)).reshape(layout.channels) if cache.center else None
    return Gradients(layout.join(dx), dgamma, dbeta)


def inference(x: ArrayLike, state: State, config: NormConfig) -> FloatArray:
    """Normalize by the moving statistics; by those of `x` itself if the layer tracks none.

    Args:
        x: input of any shape.
        state: the variables.
        config: the layer.

    Returns:
        The output, of the shape of `x`.

    Raises:
        ValueError: the shapes do not fit.
    """
    layout = _layout(x, state, config, grouped=False)
    values = layout.split(x)
    if config.track_statistics:
        mean, variance = _channels(state.moving_mean, 0.0), _channels(state.moving_variance, 1.0)
    else:
        moments = Moments.from_batch(values)
        mean, variance = moments.mean, moments.variance
    normalized = (values - mean) / np.sqrt(variance + config.epsilon)
    return layout.join(normalized * _channels(state.gamma, 1.0) + _channels(state.beta, 0.0))


def _layout(x: ArrayLike, state: State, config: NormConfig, grouped: bool = True) -> Layout:
    shape = np.shape(x)
    size = config.virtual_batch_size if grouped and not config.frozen else None
    strided = size is not None and config.virtual_batch_layout == "strided"
    layout = Layout(shape, channel_axes(config.axis, len(shape)), size, strided)
    for name in ("gamma", "beta", "moving_mean", "moving_variance"):
        variable = getattr(state, name)
        if variable is not None and variable.shape != layout.channels:
            raise ValueError(
                f"{name} has shape {variable.shape}, but input {shape} has {layout.channels} channels on axis "
                f"{config.axis}; expected the same: correct the axis, or make the state for these channels"
            )
    return layout


def _check_extras(config: NormConfig, weights: object, adjustment: object) -> None:
    if weights is not None and not config.weighted:
        raise ValueError("weights given to a layer that takes none; expected None: configure weighted=True")
    if (adjustment is not None) != config.adjusted:
        raise ValueError(
            f"adjustment is {'given' if config.adjusted is False else 'None'} with adjusted={config.adjusted}; "
            "expected one exactly if the layer is adjusted: change either"
        )


def _position_weights(weights: ArrayLike, layout: Layout) -> FloatArray:
    expanded = expand_weights(weights, layout.shape, layout.kept)
    if any(expanded.shape[a] != 1 for a in layout.kept):
        raise ValueError(
            f"weights of shape {np.shape(weights)} differ between channels; expected one per sample or position, "
            "since all channels share their step count: drop the channel axis"
        )
    return expanded


def _batch(values: FloatArray, spread: FloatArray, config: NormConfig) -> _Batch:
    moments = Moments.from_batch(values, axis=(0, 2), weights=spread)
    count = np.broadcast_to(moments.count, moments.mean.shape)
    variance = np.where(count > 0, moments.variance, 0.0)
    total = count.sum(axis=0)
    share = count / np.where(total > 0, total, 1.0)
    mean = (share * moments.mean).sum(axis=0)
    corrected = variance * _bessel(count) if config.bessel_correction else variance
    if config.virtual_batch_variance == "within":
        total_variance, stored = ((share * v).sum(axis=0) for v in (variance, corrected))
    else:
        total_variance = (share * (variance + np.square(moments.mean - mean))).sum(axis=0)
        stored = total_variance * _bessel(total) if config.bessel_correction else total_variance
    return _Batch(moments.mean, variance, count, mean, total_variance, stored)


def _bessel(count: FloatArray) -> FloatArray:
    """Return n / (n − 1), and one for a single value, as TensorFlow's kernel does."""
    return np.where(count > 1, count / np.where(count > 1, count - 1, 1.0), 1.0)


def _channels(variable: FloatArray | None, default: float) -> FloatArray:
    """Return a variable with its channel axes flattened to one; the default if the layer has none."""
    return np.array([default]) if variable is None else variable.reshape(-1)
