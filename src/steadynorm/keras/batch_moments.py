"""Mean and variance of each group and channel of a batch, with or without weights, differentiable on every backend."""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any, NamedTuple

from keras import ops


class BatchMoments(NamedTuple):
    """Moments of the groups of a batch.

    Attributes:
        mean: (G, C).
        variance: biased (G, C).
        weight: mean weight of a group's values (G, 1), of all replicas' values their sum; None without weights.
    """

    mean: Any
    variance: Any
    weight: Any = None

    def whole(self) -> BatchMoments:
        """Return the moments of all groups together, as one group (Chan et al., 1983)."""
        if self.mean.shape[0] == 1:
            return self
        if self.weight is None:
            mean = ops.mean(self.mean, axis=0, keepdims=True)
            within, between = (ops.mean(each, axis=0) for each in (self.variance, ops.square(self.mean - mean)))
            return BatchMoments(mean, ops.expand_dims(within + between, 0))
        weight = ops.sum(self.weight, axis=0, keepdims=True)
        share = self.weight / _divisor(weight)
        mean = ops.sum(share * self.mean, axis=0, keepdims=True)
        variance = ops.sum(share * (self.variance + ops.square(self.mean - mean)), axis=0, keepdims=True)
        return BatchMoments(mean, variance, weight)


def batch_moments(x: Any, axes: tuple[int, ...], weights: Any, *, grouped: bool, synchronized: bool) -> BatchMoments:
    """Return the moments of a batch.

    Args:
        x: the values; with `grouped` a group is what shares an index on axis 0.
        axes: those that are reduced.
        weights: not negative, broadcast to `x`, one for all channels; None for equal ones. What has weight zero is
            left out, whatever its value.
        grouped: whether axis 0 is that of the groups; otherwise all is one group.
        synchronized: whether the moments are those of all replicas together.
    """
    found = BatchMoments(*ops.moments(x, axes)) if weights is None else _weighted(x, axes, weights)
    moments = BatchMoments(*(each if grouped or each is None else ops.reshape(each, (1, -1)) for each in found))
    if not synchronized:
        return moments
    shape = ops.shape(x)
    return _of_all_replicas(moments, math.prod(ops.cast(shape[each], moments.mean.dtype) for each in axes))


def _weighted(x: Any, axes: tuple[int, ...], weights: Any) -> BatchMoments:
    def mean_of(values: Any) -> Any:
        return ops.mean(values, axis=axes, keepdims=True)

    weight = mean_of(weights)
    per_weight = 1 / _divisor(weight)
    counts = weights > 0
    values = ops.where(counts, x, 0.0)
    mean = mean_of(values * weights) * per_weight
    centred = ops.where(counts, x - mean, 0.0)
    weighted = centred * weights
    # What rounding left of the deviations' mean; its gradient is zero.
    rest = ops.stop_gradient(mean_of(weighted) * per_weight)
    squares = mean_of(weighted * centred) * per_weight
    variance = ops.maximum(squares - ops.square(rest), 0.0)
    return BatchMoments(*(ops.squeeze(each, axes) for each in (mean + rest, variance, weight)))


def _of_all_replicas(own: BatchMoments, count: Any) -> BatchMoments:
    """Merge the moments of one group of every replica, each by its weight (Chan et al., 1983).

    Not by keras.ops.moments: its variance over replicas is E[x²] − E[x]², which is lost far from zero.

    Args:
        own: of this replica, as one group.
        count: how many values of each channel these are of; a replica may have none.
    """
    summed = import_module("steadynorm.tensorflow.replicas").summed_over_replicas
    weight = ops.reshape(count, (1, 1)) if own.weight is None else count * ops.where(count > 0, own.weight, 0.0)
    mean, variance = (ops.where(weight > 0, each, 0.0) for each in (own.mean, own.variance))
    whole, total = summed(weight, weight * mean)
    mean_of_all = total / _divisor(whole)
    (squares,) = summed(weight * (variance + ops.square(mean - mean_of_all)))
    return BatchMoments(mean_of_all, squares / _divisor(whole), whole)


def _divisor(weight: Any) -> Any:
    return ops.where(weight > 0, weight, 1.0)
