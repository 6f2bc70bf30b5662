"""The moments of the batches, from what they did to the moving statistics, and how far these two are apart.

An update is new = d · old + (1 − d) · batch, so two copies of the statistics and the number of updates in between give
back the moments of what was taken in, old + (new − old) / (1 − dᵘ), and no activation needs to be touched for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from steadynorm.checks.distance import Distance
from steadynorm.evidence import Array, Layer, SampledMoments
from steadynorm.monitoring.watched import Counts, Snapshots


class Table:
    """Where each layer stands in the arrays of a `Snapshots`.

    Arguments:
        layers: the layers, which all keep statistics.

    Attributes:
        names: of the layers.
        decay: of each layer, shape (layers,); nan for an average over all batches, and where it is not known.
        epsilon: of each channel.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.names = tuple(layer.name for layer in layers)
        self.channels = np.array([layer.channels for layer in layers])
        self.starts = np.concatenate([[0], np.cumsum(self.channels)[:-1]])
        self.decay = np.array([np.nan if layer.config.decay is None else layer.config.decay for layer in layers])
        self.epsilon = self.spread(np.array([layer.config.epsilon for layer in layers]))

    def spread(self, values: Array) -> Array:
        """One value per layer (..., layers), repeated for its channels."""
        return np.repeat(values, self.channels, axis=-1)

    def rms(self, values: Array) -> Array:
        """Root mean square over the channels of each layer."""
        sums = np.add.reduceat(np.square(values), self.starts, axis=-1)
        return np.asarray(np.sqrt(sums / self.channels))

    def part(self, layer: int) -> slice:
        """The channels of the layer with this number."""
        return slice(int(self.starts[layer]), int(self.starts[layer] + self.channels[layer]))


@dataclass(frozen=True, slots=True)
class Gathered:
    """What several steps give, by layers or channels on the last axis.

    Arguments:
        count: of steps that updated the layer.
        mean: over the steps, of the batches' means.
        variance: likewise of their variances.
        moving_mean: over the same steps, of the moving mean before each.
        moving_variance: likewise.
        mean_error: standard error of mean - moving_mean; infinite for a single step.
        log_variance_error: standard error of log variance.
    """

    count: Counts
    mean: Array
    variance: Array
    moving_mean: Array
    moving_variance: Array
    mean_error: Array
    log_variance_error: Array

    def moments(self, part: slice) -> SampledMoments:
        """Those of one layer in the first group; their errors are those of the difference from the moving ones."""
        return SampledMoments(
            self.mean[0, part],
            self.variance[0, part],
            self.mean_error[0, part],
            self.log_variance_error[0, part],
            int(self.count[0].max()),
            0,
        )


@dataclass(frozen=True, slots=True)
class Passages:
    """Single steps.

    Arguments:
        before: the statistics before each.
        after: the statistics after each.
        times: how often each updated each layer, shape (steps, layers).
    """

    before: Snapshots
    after: Snapshots
    times: Counts

    def __len__(self) -> int:
        return len(self.times)

    def __getitem__(self, chosen: slice) -> Passages:
        return Passages(self.before[chosen], self.after[chosen], self.times[chosen])

    @property
    def unrecorded(self) -> Counts:
        """Calls by which each normalized by the batch without recording gradients, shape (steps,)."""
        return np.asarray(self.after.unrecorded - self.before.unrecorded)


def passages(before: Snapshots, after: Snapshots, table: Table) -> Passages:
    """Single steps; a layer that does not count its updates was updated if it moved, as often as a step updates."""
    counted = after.updates - before.updates
    if (after.updates < 0).any():
        moved = (after.mean != before.mean) | (after.variance != before.variance)
        once = np.logical_or.reduceat(moved, table.starts, axis=-1)
        counted = np.where(after.updates < 0, once * after.at_once, counted)
    return Passages(before, after, counted)


def updates_per_step(start: Snapshots, end: Snapshots, steps: int, single: Passages) -> Array:
    """Updates of each layer per step, shape (layers,); nan where that is not known.

    Arguments:
        start: the statistics before the steps, as one moment.
        end: after them.
        steps: how many were made.
        single: some of them, for layers that do not count.
    """
    counted = (end.updates - start.updates)[0]
    # A counter that was set back meanwhile, as by re-estimated statistics, tells nothing.
    known = (start.updates[0] >= 0) & (counted >= single.times.sum(axis=0))
    seen = single.times.mean(axis=0) if len(single) else np.nan
    return np.where(known, counted / max(steps, 1), seen)


def gather(single: Passages, table: Table, steps: int) -> Gathered:
    """The moments of the batches of single steps, in groups of `steps` successive ones.

    Arguments:
        single: the steps.
        table: of the layers.
        steps: per group; divides their number.

    Returns:
        arrays (groups, channels), and `count` (groups, layers).
    """
    before, after, times = single.before, single.after, single.times
    with np.errstate(all="ignore"):
        # An average over all batches keeps n / (n + u) of what it was, where n is known.
        cumulative = np.where(before.updates < 0, np.nan, before.updates / (before.updates + times))
        kept = np.where(np.isnan(table.decay), cumulative, table.decay**times)
    seen = (times > 0) & (kept < 1)
    share = table.spread(np.where(seen, 1 - kept, np.inf))
    count = seen.reshape(-1, steps, seen.shape[-1]).sum(axis=1)
    total = table.spread(count)

    def grouped(values: Array) -> Array:
        return values.reshape(-1, steps, values.shape[-1])

    weight = grouped(table.spread(seen.astype(np.float64)))

    def mean(values: Array) -> Array:
        return np.asarray((weight * values).sum(axis=1) / total)

    def error(values: Array) -> Array:
        deviations = np.square(weight * (values - mean(values)[:, None])).sum(axis=1)
        return np.where(total > 1, np.sqrt(deviations / (total * np.maximum(total - 1, 1))), np.inf)

    with np.errstate(all="ignore"):
        shift = grouped((after.mean - before.mean) / share)
        # Rounding may leave a batch's variance a little below zero.
        variance = np.maximum(grouped(before.variance + (after.variance - before.variance) / share), 0)
        moving_mean, batch_variance = mean(grouped(before.mean)), mean(variance)
        return Gathered(
            count,
            moving_mean + mean(shift),
            batch_variance,
            moving_mean,
            mean(grouped(before.variance)),
            error(shift),
            error(variance) / (batch_variance + table.epsilon),
        )


def distances(gathered: Gathered, table: Table) -> dict[str, Array]:
    """How far the batches are from the moving statistics, by the measures of `Distance`, each (groups, layers)."""
    with np.errstate(all="ignore"):
        scale = np.sqrt(gathered.variance + table.epsilon)
        ratio = np.log((gathered.variance + table.epsilon) / (gathered.moving_variance + table.epsilon))
        return {
            "shift": table.rms((gathered.mean - gathered.moving_mean) / scale),
            "log_ratio": table.rms(ratio),
            "shift_error": table.rms(gathered.mean_error / scale),
            "log_ratio_error": table.rms(gathered.log_variance_error),
        }


def distance(measures: dict[str, Array], group: int, layer: int) -> Distance:
    """That of one layer in one group."""
    return Distance(**{name: float(values[group, layer]) for name, values in measures.items()})
