"""Moments of what a Keras layer is fed, by the layer's own rule of what is averaged."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from steadynorm.keras.backends import backend
from steadynorm.keras.layers import axis_of
from steadynorm.norm.moments import Moments


class BatchMoments:
    """Mean and biased variance per channel of one input, as tensors of the backend in float32 at least.

    Arguments:
        layer: whose input it is.
        x: the input, with channels on the layer's axis.
        given: how much each value counts, broadcast to `x`; `None` where all count the same.

    Attributes:
        mean: shape (channels,).
        variance: shape (channels,).
        weights: how many values each channel has; a float, or a tensor where weights decide.
    """

    def __init__(self, layer: Any, x: Any, given: Any = None) -> None:
        x = ops.cast(x, "float64" if "float64" in str(x.dtype) else "float32")
        axis = axis_of(layer, len(x.shape))
        axes = [each for each in range(len(x.shape)) if each != axis]
        self._shape = [1] * len(x.shape)
        self._shape[axis] = -1
        if given is None:
            self.weights: Any = float(np.prod([int(x.shape[each]) for each in axes]))
            mean = ops.mean(x, axes)
            deviations = x - ops.reshape(mean, self._shape)
            rest = ops.mean(deviations, axes)
            squares = ops.mean(ops.square(deviations), axes)
        else:
            weight = ops.cast(given, x.dtype) * ops.ones_like(x)
            self.weights = ops.sum(weight, axes)
            total = ops.where(self.weights > 0, self.weights, 1.0)
            mean = ops.sum(weight * x, axes) / total
            deviations = x - ops.reshape(mean, self._shape)
            rest = ops.sum(weight * deviations, axes) / total
            squares = ops.sum(weight * ops.square(deviations), axes) / total
        # The rounding of the mean leaves a small common deviation, which is taken out of both.
        self.mean, self.variance = mean + rest, ops.maximum(squares - ops.square(rest), 0)

    @property
    def values(self) -> int:
        """How many values per channel there are, at most."""
        return int(np.max(self._weights())) if np.size(self._weights()) else 0

    def moments(self) -> Moments:
        """The same in float64, with the count; TypeError where the input has no values yet."""
        read, count = backend().array, self._weights()
        mean = read(self.mean).astype(np.float64)
        variance = np.asarray(read(self.variance)).astype(np.float64)
        return Moments(count if count.ndim == 0 else count.ravel(), mean, variance * count)

    def _weights(self) -> Any:
        found = self.weights if isinstance(self.weights, float) else backend().array(self.weights)
        return np.asarray(found, np.float64)
