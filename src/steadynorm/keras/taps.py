"""Takes the moments of what a normalization layer is fed, and decides what it normalizes by meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from steadynorm.evidence import Array
from steadynorm.keras.calls import Called, substituted
from steadynorm.keras.moments import BatchMoments
from steadynorm.layer_moments import LayerMoments
from steadynorm.norm.moments import Moments


class Tap:
    """Stands in for the call of one layer that is to get new statistics.

    The layer is called in inference mode inside a `keras.StatelessScope`, where it reads other statistics than its own.

    Arguments:
        layer: the layer.

    Attributes:
        moments: what was taken in this pass.
        unfit: why the layer's input cannot be used, once that is known.
    """

    def __init__(self, layer: Any) -> None:
        self.layer = layer
        self.moments = LayerMoments()
        self.unfit: str | None = None
        self._by_batch = True
        self._population: tuple[Array, Array] | None = None
        self._pending: Moments | None = None

    def start(self, by_batch: bool, population: tuple[Array, Array] | None = None) -> None:
        """Begins a pass.

        Arguments:
            by_batch: whether the layer normalizes by the batch.
            population: mean and variance to normalize by otherwise; by default what is stored.
        """
        self._by_batch, self._population = by_batch, population
        self.moments, self._pending = LayerMoments(), None

    def end_batch(self, *, keep: bool) -> bool:
        """Takes in what the calls of a batch were fed, all of them together; whether that is finite.

        Arguments:
            keep: whether to take it in, or to forget it.
        """
        pending, self._pending = self._pending, None
        if pending is None or not keep:
            return True
        if not (np.isfinite(pending.mean).all() and np.isfinite(pending.m2).all()):
            return False
        self.moments.add(pending)
        return True

    @contextmanager
    def tried(self) -> Iterator[list[Moments]]:
        """Lets the layer normalize by what is stored; what it is fed inside does not count, and is given at the end."""
        before = self._by_batch, self._population
        self._by_batch, self._population = False, None
        found: list[Moments] = []
        try:
            yield found
        finally:
            found += [] if self._pending is None else [self._pending]
            self._pending = None
            self._by_batch, self._population = before

    def __call__(self, called: Called) -> Any:
        """Takes the moments of one input; an empty one counts for nothing."""
        x = called.input
        if x is None or 0 in x.shape or self.unfit is not None:
            return called.run(training=False)
        taken = BatchMoments(self.layer, x, called.weights)
        try:
            moments = taken.moments()
        except TypeError:
            self.unfit = "it is called inside of a loop that the backend compiles, where its input cannot be seen"
            return called.run(training=False)
        self._pending = moments if self._pending is None else self._pending.merge(moments)
        # One value per channel is a sample like any other, but nothing to normalize by.
        if self._by_batch and np.max(moments.count) > 1:
            with substituted(self.layer, taken.mean, taken.variance):
                return called.run(training=False)
        if self._population is not None:
            with substituted(self.layer, *self._population):
                return called.run(training=False)
        return called.run(training=False)
