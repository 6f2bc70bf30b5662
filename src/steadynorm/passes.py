"""What one pass of a model over data gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from steadynorm.evidence import SampledMoments, Score

Site: TypeAlias = tuple[str, int]
"""A call site: the layer's name and the number of the call within one forward pass."""


@dataclass(frozen=True)
class Pass:
    """What one pass over a split gave.

    Arguments:
        losses: per batch; empty without a loss.
        metrics: per batch; empty without a metric.
        weights: samples per batch.
        moments: of the layers' inputs by call site, where they were asked for.
        batch_layers: layers that normalized by batch moments.
        values: the smallest number of values per channel in a call that used batch moments.
        largest_output: the largest magnitude in the model's outputs.
    """

    losses: Sequence[float]
    metrics: Sequence[float]
    weights: Sequence[float]
    moments: Mapping[Site, SampledMoments]
    batch_layers: tuple[str, ...]
    values: int | None
    largest_output: float

    @property
    def score(self) -> Score:
        """Mean loss and metric over the batches, weighted by their samples, with standard errors."""
        loss, loss_error = mean_and_error(self.losses, self.weights)
        metric, metric_error = mean_and_error(self.metrics, self.weights)
        return Score(loss, metric, loss_error, metric_error)


def mean_and_error(values: Sequence[float], weights: Sequence[float]) -> tuple[float | None, float]:
    """Weighted mean over batches and its standard error; `None` and 0 for no values."""
    if not values:
        return None, 0.0
    array, weight = np.asarray(values, np.float64), np.asarray(weights, np.float64)
    with np.errstate(all="ignore"):
        mean = float(np.sum(weight * array) / np.sum(weight))
        if len(values) < 2:
            return mean, 0.0
        spread = np.sum(np.square(weight * (array - mean))) / np.square(np.sum(weight))
        return mean, float(np.sqrt(spread * len(values) / (len(values) - 1)))
