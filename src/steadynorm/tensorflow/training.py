"""One training batch: what all options do to it, and what of it goes into the moving averages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import tensorflow as tf

from steadynorm.norm.config import NormConfig
from steadynorm.tensorflow.adjustment import PerChannel, PerValue, adjust
from steadynorm.tensorflow.averages import assign, move, move_debiased, read_after
from steadynorm.tensorflow.passes import Moments, normalize, standardize
from steadynorm.tensorflow.variables import Variables
from steadynorm.tensorflow.view import View
from steadynorm.tensorflow.weighting import normalize_weighted, sample_shares, total_weight, weighted_moments


@dataclass(frozen=True, eq=False)
class Options:
    """The options of a layer for one application.

    Attributes:
        config: the layer; what may be a tensor counts here as it stands below.
        decay: of the moving averages, a number or a tensor.
        renorm_decay: of renorm's averages.
        clipping: rmin, rmax and dmax as far as they are given, numbers or tensors.
        adjustment: makes scale and bias of the normalized values from the shape of the input; None without.
        weights: one per sample (N,); None for equal ones.
    """

    config: NormConfig
    decay: Any
    renorm_decay: Any = 0.99
    clipping: Mapping[str, Any] = field(default_factory=dict)
    adjustment: Callable[[Any], tuple[Any, Any]] | None = None
    weights: Any = None


class Batch(NamedTuple):
    """What one batch comes to.

    Attributes:
        output: normalized, of the shape of the input.
        mean: of the batch (C,).
        variance: biased (C,).
        stored_variance: the one for the averages (C,), corrected or not.
        seen: scalar boolean, whether there was any value with a weight; None if that is certain.
    """

    output: Any
    mean: Any
    variance: Any
    stored_variance: Any
    seen: Any = None


def training_batch(x: Any, view: View, scale: Any, offset: Any, variables: Variables, options: Options) -> Batch:
    """Normalize one batch by its own moments.

    Args:
        x: the input.
        view: its arrangement.
        scale: gamma (C,) in the type of the variables; ones if there is none.
        offset: beta (C,); zeros if there is none.
        variables: the averages before the batch.
        options: the layer.
    """
    config = options.config
    adjusted = None if options.adjustment is None else adjust(options.adjustment, x, view)
    if isinstance(adjusted, PerChannel):
        scale, offset = adjusted.scale * scale, adjusted.bias * scale + offset
    # An adjustment per value comes between the kernel, which then only normalizes, and gamma and beta.
    inner = (scale, offset) if not isinstance(adjusted, PerValue) else (tf.ones_like(scale), tf.zeros_like(offset))
    if options.weights is not None:
        batch = _weighted(x, view, *inner, variables, options)
    elif config.renorm is not None:
        batch = _renormalized(x, view, *inner, variables, options)
    else:
        batch = _standardized(x, view, *inner, options)
    if isinstance(adjusted, PerValue):
        return batch._replace(output=adjusted.apply(batch.output, scale, offset))
    return batch


def update(variables: Variables, batch: Batch, options: Options) -> list[Any]:
    """Return what moves the averages by one batch: the mean's update and the variance's, which run all others first.

    Args:
        variables: the averages.
        batch: from `training_batch`.
        options: the layer.
    """
    config = options.config
    mean, stored = (_or_old(batch.seen, *pair) for pair in _pairs(variables, batch))
    before = []
    if config.renorm is not None:
        stddev = _or_old(batch.seen, tf.sqrt(batch.variance + config.epsilon), variables.renorm_stddev)
        renorm_mean = _or_old(batch.seen, batch.mean, variables.renorm_mean)
        before = [
            move(variables.renorm_mean, renorm_mean, options.renorm_decay),
            move(variables.renorm_stddev, stddev, options.renorm_decay),
        ]
    with tf.control_dependencies(before):
        if config.debias == "none":
            moved = move(variables.moving_mean, mean, options.decay)
        else:
            shadows = (variables.biased, variables.local_step)
            moved = move_debiased(variables.moving_mean, *shadows, batch.mean, options.decay, batch.seen)
        if config.renorm is None:
            return [moved, move(variables.moving_variance, stored, options.decay)]
        # Ioffe (2017) averages the standard deviation; TensorFlow derives the variance for inference from it.
        root = tf.sqrt(batch.stored_variance + config.epsilon)
        root = _or_old(batch.seen, root, variables.moving_stddev)
        return [moved, _move_variance_by_stddev(variables, root, batch.seen, options)]


def _standardized(x: Any, view: View, scale: Any, offset: Any, options: Options) -> Batch:
    count, epsilon = view.count(x), options.config.epsilon
    scale, offset = (_tile(part, view.folded(x)) for part in (scale, offset))
    parts = [standardize(values, scale, offset, epsilon, count) for values in view.to_kernels(x)]
    moments = _whole([moments for _, moments in parts], view, x, options.config)
    return Batch(view.from_kernels([y for y, _ in parts], x), *moments, _seen(count))


def _renormalized(x: Any, view: View, scale: Any, offset: Any, variables: Variables, options: Options) -> Batch:
    config, count, folded = options.config, view.count(x), view.folded(x)
    values = view.to_kernels(x)
    ones = tf.ones([folded * view.channels], scale.dtype)
    parts = [standardize(each, ones, tf.zeros_like(ones), config.epsilon, count)[1] for each in values]
    mean, variance, stored = _whole(parts, view, x, config)
    stddev = tf.sqrt(variance + config.epsilon)
    renorm_mean, renorm_stddev = (
        tf.reshape(read_after(variable, stddev), [-1]) for variable in (variables.renorm_mean, variables.renorm_stddev)
    )
    reference = tf.maximum(renorm_stddev, config.epsilon**0.5)
    r = _clip(stddev / reference, options.clipping.get("rmin", 0.0), options.clipping.get("rmax"))
    d = (mean - renorm_mean) / reference
    dmax = options.clipping.get("dmax")
    d = d if dmax is None else _clip(d, -tf.cast(dmax, d.dtype), dmax)
    r, d = tf.stop_gradient(r), tf.stop_gradient(d)
    # The averages may move only when r and d have been computed from what they were.
    with tf.control_dependencies([r, d]):
        mean, variance, stored = tf.identity(mean), tf.identity(variance), tf.identity(stored)
    slope, shift = _tile(r * scale, folded), _tile(d * scale + offset, folded)
    y = [normalize(each, part, slope, shift, config.epsilon) for each, part in zip(values, parts, strict=True)]
    return Batch(view.from_kernels(y, x), mean, variance, stored, _seen(count))


def _weighted(x: Any, view: View, scale: Any, offset: Any, variables: Variables, options: Options) -> Batch:
    config = options.config
    (values,) = view.to_kernels(x)
    samples, seen = sample_shares(options.weights, x, view)
    moments = weighted_moments(values, samples)
    averages = (tf.reshape(read_after(v, seen), [-1]) for v in (variables.moving_mean, variables.moving_variance))
    mean, variance = (tf.where(seen, *pair) for pair in zip(moments[:2], averages, strict=True))
    y = normalize_weighted(values, Moments(mean, variance), scale, offset, samples, config.epsilon)
    stored = moments.variance
    if config.bessel_correction:
        total = total_weight(options.weights, x, view)
        stored = stored * tf.where(total > 1, total / tf.where(total > 1, total - 1, 1.0), 1.0)
    return Batch(view.from_kernels([y], x), moments.mean, moments.variance, stored, seen)


def _whole(parts: list[Moments], view: View, x: Any, config: NormConfig) -> tuple[Any, Any, Any]:
    """Return mean, biased and stored variance of the whole batch: averages over the virtual batches."""
    mean, variance = (_average([getattr(part, name) for part in parts], view) for name in ("mean", "variance"))
    if not config.bessel_correction:
        return mean, variance, variance
    count = tf.cast(view.count(x), mean.dtype)
    return mean, variance, variance * tf.where(count > 1, count / tf.maximum(count - 1, 1), 1.0)


def _average(parts: list[Any], view: View) -> Any:
    if view.group_size is None:
        return parts[0]
    return tf.reduce_mean(tf.reshape(tf.stack(parts), [-1, view.channels]), 0)


def _pairs(variables: Variables, batch: Batch) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    return (batch.mean, variables.moving_mean), (batch.stored_variance, variables.moving_variance)


def _or_old(seen: Any, value: Any, variable: Any) -> Any:
    """Return the value in the shape of the variable; without any sample, the variable, so that nothing moves."""
    value = tf.reshape(value, variable.shape)
    return value if seen is None else tf.where(seen, value, read_after(variable, value))


def _move_variance_by_stddev(variables: Variables, stddev: Any, seen: Any, options: Options) -> Any:
    moved = move(variables.moving_stddev, stddev, options.decay)
    average = read_after(variables.moving_stddev, moved)
    variance = tf.nn.relu(tf.square(average) - options.config.epsilon)  # rounding may leave it negative
    variance = _or_old(seen, variance, variables.moving_variance)
    with tf.name_scope("AssignNewValue") as scope:
        return assign(variables.moving_variance, variance, scope)


def _clip(value: Any, low: Any, high: Any) -> Any:
    value = tf.maximum(value, tf.cast(low, value.dtype))
    return value if high is None else tf.minimum(value, tf.cast(high, value.dtype))


def _tile(channels: Any, groups: Any) -> Any:
    return channels if isinstance(groups, int) and groups == 1 else tf.tile(channels, [groups])


def _seen(count: Any) -> Any:
    return count > 0 if tf.is_tensor(count) else None
