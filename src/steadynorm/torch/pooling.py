"""Pools the moments of all layers over batches, call sites and workers, side by side in one row of columns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch

from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Array, SampledMoments
from steadynorm.norm.moments import Moments, PopulationMoments
from steadynorm.torch.taps import Tap

Row: TypeAlias = tuple[Array, Array, Array]
"""Count, mean and m2 of one batch, one column per channel of each layer."""


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where one layer stands in a row; instance normalization keeps its samples' variances in columns of their own."""

    means: slice
    variances: slice
    per_instance: bool


class Pool:
    """The moments of the layers behind `taps`; all layers share each step of the arithmetic.

    Arguments:
        taps: by layer name.
    """

    def __init__(self, taps: Mapping[str, Tap]) -> None:
        self.taps = taps
        self.population = PopulationMoments()
        self._columns: dict[str, _Columns] = {}
        at = 0
        for name, tap in taps.items():
            first, second = slice(at, at + tap.channels), slice(at + tap.channels, at + 2 * tap.channels)
            self._columns[name] = _Columns(first, second if tap.per_instance else first, tap.per_instance)
            at = self._columns[name].variances.stop
        self.width = at

    def collect(self) -> list[Row]:
        """Fetches what the taps have pending from their devices: one row per batch, calls of a batch merged.

        Raises:
            UnusableInputError: moments are NaN or Inf; the message names the first batch and layer.
        """
        bad: list[tuple[int, str]] = []
        calls: dict[int, list[tuple[str, int, Array]]] = defaultdict(list)
        for name, tap in self.taps.items():
            if not tap.pending:
                continue
            # One transfer per layer: calls, then mean and variance, then channels.
            together = torch.stack([each for _, _, moments in tap.pending for each in moments]).cpu().double().numpy()
            fetched = together.reshape(len(tap.pending), -1, tap.channels)
            for (batch, count, _), moments in zip(tap.pending, fetched, strict=True):
                calls[batch].append((name, count, moments))
                if not np.isfinite(moments).all():
                    bad.append((batch, name))
            tap.pending.clear()
        if bad:
            # Layers come in model order, so that the first of the earliest batch is nearest to the data.
            batch, name = min(bad, key=lambda found: found[0])
            raise UnusableInputError(
                f"the input of '{name}' holds values that are NaN or Inf in batch {batch}: remove them from the data; "
                "if the data are finite, a layer before it overflows"
            )
        rows = [self._row(calls[batch]) for batch in sorted(calls)]
        return [(np.asarray(row.count), row.mean, row.m2) for row in rows]

    def add(self, rows: Iterable[Row]) -> None:
        """Pools rows that were collected here or by another worker."""
        for count, mean, m2 in rows:
            self.population.add(Moments(count, mean, m2))

    def _row(self, calls: list[tuple[str, int, Array]]) -> Moments:
        counts, means, m2s = (np.zeros(self.width) for _ in range(3))
        seen: set[str] = set()
        repeated: list[tuple[str, int, Array]] = []
        for name, count, moments in calls:
            if name in seen:
                repeated.append((name, count, moments))
                continue
            seen.add(name)
            columns = self._columns[name]
            for index, place in enumerate((columns.means, columns.variances)[: len(moments) // 2]):
                counts[place], means[place], m2s[place] = count, moments[2 * index], count * moments[2 * index + 1]
        once = Moments(counts, means, m2s)
        return once.merge(self._row(repeated)) if repeated else once

    def sampled(self) -> dict[str, SampledMoments]:
        """What is known so far of every layer that was called."""
        if not self.population.batches:
            return {}
        population = self.population
        total = population.total
        corrected, biased = total.unbiased_variance, total.variance
        mean_error, log_error = population.standard_error_of_mean, population.standard_error_of_log_variance
        counts = np.broadcast_to(total.count, total.mean.shape)
        found = {}
        for name, columns in self._columns.items():
            means, variances = columns.means, columns.variances
            if not np.all(counts[variances] > 0):
                continue
            if columns.per_instance:
                variance = total.mean[variances]
                with np.errstate(all="ignore"):
                    log_variance_error = np.where(variance > 0, mean_error[variances] / variance, 0.0)
            else:
                variance = np.where(counts[means] > 1, corrected[means], biased[means])
                log_variance_error = log_error[means]
            found[name] = SampledMoments(
                total.mean[means],
                variance,
                mean_error[means],
                log_variance_error,
                population.batches,
                round(float(counts[means].max()) / population.batches),
            )
        return found
