"""Scores of passes over data, and the gap between training and inference behaviour."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from steadynorm.evidence import Gap, Mode, Score, Split
from steadynorm.passes import Pass, mean_and_error

METRIC_TOLERANCE = 0.02
"""Part of the reference by which a metric must fall short before it is a gap."""

LOSS_TOLERANCE = 0.2
"""The same for a loss, which is noisier: a healthy network's loss differs by several percent between modes."""


STANDARD_ERRORS = 3.0
"""A gap must also exceed its own standard error this many times."""


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

    def tolerance(self, reference: Score) -> float:
        """By how much a number must fall short of `reference` before it counts."""
        return (METRIC_TOLERANCE if self.measure == "metric" else LOSS_TOLERANCE) * abs(self.goodness(reference))

    def clearly_better(self, first: Score, second: Score) -> bool:
        """Whether `first` is better than `second` by more than counts and by more than their standard errors allow."""
        ahead = self.goodness(first) - self.goodness(second)
        errors = [each.metric_error if self.measure == "metric" else each.loss_error for each in (first, second)]
        noise = STANDARD_ERRORS * math.hypot(*errors)
        return math.isfinite(ahead) and ahead > max(self.tolerance(first), noise)

    def agrees(self, number: float, scored: Score) -> bool:
        """Whether a number that the user's own code returned is the measure, on the same data."""
        value = self.value(scored)
        return value is not None and abs(number - value) <= self.tolerance(scored) + 1e-9

    def improvement(self, before: Score, after: Score, best: Score) -> float | None:
        """The share of the way from `before` to `best` that `after` goes; `None` if that way is too short to count."""
        size = self.goodness(best) - self.goodness(before)
        return self.share(size, before, after) if size > self.tolerance(best) else None

    def gap(self, scores: Mapping[tuple[Mode, Split], Score], handed_over: Pass, candidates: Sequence[Pass]) -> Gap:
        """The gap between inference as handed over and the best of what batch mode and a remedy reach.

        Arguments:
            scores: the four-way table.
            handed_over: the pass in inference mode.
            candidates: passes over the same batches that show what the weights can do.
        """
        best = max(candidates, key=lambda each: self.goodness(each.score))
        reference, worse = self.goodness(best.score), self.goodness(handed_over.score)
        size = reference - worse if math.isfinite(reference) else 0.0
        noise = STANDARD_ERRORS * self._paired_error(best, handed_over) if math.isfinite(size) else 0.0
        significant = size > max(self.tolerance(best.score), noise)
        batch, stored = (scores[mode, Split.TRAIN] for mode in (Mode.BATCH, Mode.POPULATION))
        behind = self.goodness(batch) - self.goodness(stored)
        fits_training = (Mode.BATCH, Split.VALIDATION) in scores and not behind > self.tolerance(batch)
        value = self.value(best.score)
        return Gap(
            scores,
            self.measure,
            self.higher_is_better,
            math.nan if value is None else value,
            size if significant else 0.0,
            significant and fits_training,
        )

    def _paired_error(self, first: Pass, second: Pass) -> float:
        """Standard error of the difference between two passes, from its variation over the batches that they share."""
        values = [each.metrics if self.measure == "metric" else each.losses for each in (first, second)]
        if len(values[0]) != len(values[1]):
            return 0.0
        differences = [one - other for one, other in zip(*values, strict=True)]
        _, error = mean_and_error(differences, first.weights)
        return error if math.isfinite(error) else 0.0

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
