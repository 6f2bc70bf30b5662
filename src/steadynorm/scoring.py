"""Scores of passes over data, and the gap between training and inference behaviour."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from steadynorm.evidence import Gap, Mode, Score, Split

METRIC_TOLERANCE = 0.02
"""Part of the reference by which a metric must fall short before it is a gap."""

LOSS_TOLERANCE = 0.2
"""The same for a loss, which is noisier: a healthy network's loss differs by several percent between modes."""


def score(losses: Sequence[float], metrics: Sequence[float], weights: Sequence[float]) -> Score:
    """Weighted means over batches with their standard errors; an empty list gives `None`."""
    loss, loss_error = _mean(losses, weights)
    metric, metric_error = _mean(metrics, weights)
    return Score(loss, metric, loss_error, metric_error)


def _mean(values: Sequence[float], weights: Sequence[float]) -> tuple[float | None, float]:
    if not values:
        return None, 0.0
    array, weight = np.asarray(values, np.float64), np.asarray(weights, np.float64)
    with np.errstate(all="ignore"):
        mean = float(np.sum(weight * array) / np.sum(weight))
        if len(values) < 2:
            return mean, 0.0
        spread = np.sum(np.square(weight * (array - mean))) / np.square(np.sum(weight))
        return mean, float(np.sqrt(spread * len(values) / (len(values) - 1)))


class Yardstick:
    """The measure by which modes and remedies are compared: the metric if there is one, else the loss."""

    def __init__(self, uses_metric: bool, higher_is_better: bool) -> None:
        self.measure = "metric" if uses_metric else "loss"
        self.higher_is_better = higher_is_better if uses_metric else False

    def value(self, scored: Score) -> float | None:
        """The measured number; `None` if there is none."""
        return scored.metric if self.measure == "metric" else scored.loss

    def goodness(self, scored: Score) -> float:
        """The number with its sign turned so that more is better; minus infinity if it is not finite."""
        value = self.value(scored)
        if value is None or not math.isfinite(value):
            return -math.inf
        return value if self.higher_is_better else -value

    def error(self, scored: Score) -> float:
        """The standard error of the number."""
        return scored.metric_error if self.measure == "metric" else scored.loss_error

    def gap(self, scores: Mapping[tuple[Mode, Split], Score], remedied: Score | None, split: Split) -> Gap:
        """The gap on `split` between inference as handed over and the better of batch mode and the remedy."""
        handed_over = scores[Mode.POPULATION, split]
        candidates = [scores[Mode.BATCH, split]] + ([] if remedied is None else [remedied])
        best = max(candidates, key=self.goodness)
        tolerance = METRIC_TOLERANCE if self.measure == "metric" else LOSS_TOLERANCE
        reference = self.goodness(best)
        size = reference - self.goodness(handed_over) if math.isfinite(reference) else 0.0
        noise = 3 * math.hypot(self.error(best), self.error(handed_over)) if math.isfinite(size) else 0.0
        significant = size > max(tolerance * abs(reference), noise if math.isfinite(noise) else 0.0)
        return Gap(
            scores,
            self.measure,
            self.higher_is_better,
            self.value(best) if math.isfinite(reference) else math.nan,  # type: ignore[arg-type]
            size if significant else 0.0,
        )

    def share(self, gap_size: float, before: Score, after: Score) -> float | None:
        """The part of a gap that a remedy closed, between 0 and 1; `None` without a gap."""
        if gap_size <= 0:
            return None
        worse, better = self.goodness(before), self.goodness(after)
        if not math.isfinite(better):
            return 0.0
        if not math.isfinite(worse):
            return 1.0
        return min(max((better - worse) / gap_size, 0.0), 1.0)
