"""Watches normalization layers while something runs: how they normalize, their inputs, and their call sites."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from steadynorm.evidence import Array
from steadynorm.keras.backends import backend
from steadynorm.keras.calls import Called, Standin, standing_in, substituted
from steadynorm.keras.layers import axis_of, epsilon_of, follows_mode, value
from steadynorm.keras.moments import BatchMoments
from steadynorm.layer_moments import LayerMoments, Seen
from steadynorm.live import Override
from steadynorm.norm.moments import Moments


class Watch:
    """Stands in for the calls of a model's normalization layers, for the passes of this package over the model.

    Nothing is ever written to the model: inside a `keras.StatelessScope` a layer in inference mode reads the moments
    of its batch, or any other statistics, in place of its own.

    Arguments:
        layers: the layers by name.
        batch: whether they are to normalize by the batch; a call with one value per channel, which cannot, keeps
            the stored statistics.
        observe: whether their inputs' moments are accumulated.
        override: statistics to normalize by at each call site.
    """

    def __init__(
        self,
        layers: Mapping[str, Any],
        *,
        batch: bool = False,
        observe: bool = False,
        override: Override | None = None,
    ) -> None:
        self.layers, self.batch, self.observe = layers, batch, observe
        self.override = override or {}
        self.seen: Seen[LayerMoments] = Seen()
        self._calls: Counter[str] = Counter()
        self._ignoring: dict[str, bool] = {}

    def begin_forward(self) -> None:
        """Starts the numbering of call sites anew; to be called before every forward pass."""
        self._calls.clear()

    @contextmanager
    def __call__(self) -> Iterator[Seen[LayerMoments]]:
        """Watches; the layers are called as before at the end, whatever happens."""
        with (
            keras.StatelessScope(),
            backend().without_gradients(),
            standing_in((layer, self._standin(name)) for name, layer in self.layers.items()),
        ):
            yield self.seen

    def _standin(self, name: str) -> Standin:
        def standin(called: Called) -> Any:
            x = called.input
            if x is None:
                return called.run()
            site = (name, self._calls[name])
            self._calls[name] += 1
            override = self.override.get(site)
            by_batch = self.batch or (override is None and called.training)
            taken = BatchMoments(called.layer, x, called.weights) if by_batch or self.observe else None
            moments = _known(taken)
            if self.observe and moments is not None:
                self.seen.moments.setdefault(site, LayerMoments()).add(moments)
            if by_batch and taken is not None:
                # Inside of a loop that the backend compiles there is a batch, but nobody knows its values yet.
                values = None if moments is None else int(np.max(moments.count))
                if values is None or values > 1:
                    self.seen.by_batch(name, values)
                    return _by_batch(called, taken)
            if override is not None:
                with substituted(called.layer, *override):
                    return called.run(training=False)
            output = called.run(training=False)
            if not self.batch and not follows_mode(called.layer):
                if name not in self._ignoring:  # the first call tells
                    self._ignoring[name] = normalized_by_batch(called, output)
                if self._ignoring[name]:
                    self.seen.by_batch(name, _values(called))
            return output

        return standin


def _known(taken: BatchMoments | None) -> Moments | None:
    try:
        return None if taken is None else taken.moments()
    except TypeError:
        return None


def _by_batch(called: Called, taken: BatchMoments) -> Any:
    if getattr(called.layer, "renorm", False) and called.layer.trainable:
        return called.run(training=True)
    with substituted(called.layer, taken.mean, taken.variance):
        return called.run(training=False)


def _values(called: Called) -> int:
    return int(np.max(BatchMoments(called.layer, called.input, called.weights).moments().count))


def normalized_by_batch(called: Called, output: Any) -> bool:
    """Whether the output of a call follows from the batch's moments rather than from the stored ones.

    The mode says what Keras' own layer does; what any other class does shows in its output.
    """
    if (
        not keras.ops.is_tensor(output)
        or called.weights is not None
        or tuple(output.shape) != tuple(called.input.shape)
    ):
        return False
    try:
        x, y = (_channels_last(called.layer, each) for each in (called.input, output))
    except TypeError:
        return False
    if len(x) < 2:
        return False
    layer, ones = called.layer, np.ones(x.shape[1])
    gamma, beta = value(getattr(layer, "gamma", None)), value(getattr(layer, "beta", None))
    gamma, beta = ones if gamma is None else gamma, 0 * ones if beta is None else beta
    mean, variance = value(layer.moving_mean), value(layer.moving_variance)
    assert mean is not None
    assert variance is not None

    def error(center: Array, spread: Array) -> float:
        return float(np.mean(np.square(y - ((x - center) * gamma / np.sqrt(spread + epsilon_of(layer)) + beta))))

    by_batch, by_population = error(x.mean(0), x.var(0)), error(mean, variance)
    return by_batch < 1e-6 * float(np.mean(np.square(y))) and by_batch < 0.01 * by_population


def _channels_last(layer: Any, tensor: Any) -> Array:
    """The values in float64 with shape (values, channels)."""
    values = np.asarray(backend().array(tensor)).astype(np.float64)
    axis = axis_of(layer, values.ndim)
    return np.moveaxis(values, axis, -1).reshape(-1, values.shape[axis])
