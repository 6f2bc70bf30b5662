"""Mergeable moments: how much was seen, its mean, and its squared deviations from that mean.

Nothing here ever forms E[x²] − E[x]²: with a mean of 10⁴ and a variance of 1 that difference loses every
digit in float32. Deviations are taken from the mean first and merged with the update of Chan, Golub and
LeVeque (1983).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from steadynorm.norm.axes import channel_axes
from steadynorm.norm.layout import FloatArray, expand_weights


@dataclass(frozen=True, eq=False)
class Moments:
    """Weight, mean and summed squared deviations of each channel, in float64.

    The channel shape is (C,) for one channel axis and the sizes of the channel axes in their order for
    several. Moments of nothing have count 0, mean 0 and m2 0; their variance is nan, because it is not known.

    Attributes:
        count: total weight; one number for all channels, or one per channel.
        mean: weighted mean of each channel.
        m2: weighted sum of squared deviations from `mean`; never negative.
    """

    count: float | FloatArray
    mean: FloatArray
    m2: FloatArray

    def __post_init__(self) -> None:
        # Copies, because the caller's arrays often share memory with a buffer that is written again.
        count, mean, m2 = (np.array(a, dtype=np.float64) for a in (self.count, self.mean, self.m2))
        if mean.shape != m2.shape or count.shape not in ((), mean.shape):
            raise ValueError(
                f"moments of unequal shapes: count {count.shape}, mean {mean.shape}, m2 {m2.shape}; "
                "mean and m2 need one value per channel, count one in all or one per channel"
            )
        if (count < 0).any() or (m2 < 0).any():
            raise ValueError(
                "count and m2 of moments cannot be negative; sum squared deviations from the mean instead of "
                "subtracting a squared mean"
            )
        for array in (count, mean, m2):
            array.setflags(write=False)
        object.__setattr__(self, "count", float(count) if count.ndim == 0 else count)
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "m2", m2)

    @classmethod
    def from_batch(cls, x: ArrayLike, axis: int | tuple[int, ...] = -1, weights: ArrayLike | None = None) -> Moments:
        """Take the moments of one batch over all axes but the channel axes.

        Args:
            x: values of any shape and real type; computed in float64.
            axis: the axis or axes that are kept, one mean and variance for each of their entries.
            weights: non-negative; shape (N,) for one weight per sample, the shape of the reduced axes (or
                one that broadcasts to it) for one per position, or as many axes as `x` for one per value.
                What has weight zero is left out, whatever its value (padding may hold nan).

        Returns:
            Moments with one float as count, or one count per channel if the weights differ between channels.

        Raises:
            ValueError: an axis is missing or named twice; weights are negative, not finite or of the
                wrong shape.
        """
        values = np.asarray(x, dtype=np.float64)
        kept = channel_axes(axis, values.ndim)
        reduced = tuple(a for a in range(values.ndim) if a not in kept)
        with np.errstate(all="ignore"):
            if weights is None:
                return cls._unweighted(values, reduced)
            return cls._weighted(values, kept, reduced, expand_weights(weights, values.shape, kept))

    @classmethod
    def _unweighted(cls, values: FloatArray, reduced: tuple[int, ...]) -> Moments:
        count = float(np.prod([values.shape[a] for a in reduced]))
        mean = values.sum(axis=reduced, keepdims=True) / max(count, 1.0)
        return cls(count, mean.squeeze(reduced), np.square(values - mean).sum(axis=reduced))

    @classmethod
    def _weighted(
        cls, values: FloatArray, kept: tuple[int, ...], reduced: tuple[int, ...], weights: FloatArray
    ) -> Moments:
        one_count = all(weights.shape[a] == 1 for a in kept)
        # A weight given for a whole sample or channel counts once for each of the values it covers.
        spread = [values.shape[a] if a in reduced else weights.shape[a] for a in range(values.ndim)]
        count = np.broadcast_to(weights, spread).sum(axis=reduced, keepdims=True)
        values = np.where(weights > 0, values, 0.0)
        mean = (values * weights).sum(axis=reduced, keepdims=True) / np.where(count > 0, count, 1.0)
        m2 = (np.square(values - mean) * weights).sum(axis=reduced)
        per_channel = np.broadcast_to(count, mean.shape).squeeze(reduced)
        return cls(count.item() if one_count else per_channel, mean.squeeze(reduced), m2)

    @classmethod
    def empty(cls, channels: int | tuple[int, ...]) -> Moments:
        """Return the moments of nothing, which change nothing when merged.

        Args:
            channels: number of channels, or the sizes of several channel axes.
        """
        return cls(0.0, np.zeros(channels), np.zeros(channels))

    def merge(self, other: Moments) -> Moments:
        """Return the moments of both sets of values together, as if taken at once (Chan et al., 1983).

        Raises:
            ValueError: the channel shapes differ.
        """
        if self.mean.shape != other.mean.shape:
            raise ValueError(
                f"cannot merge moments of {self.mean.shape} and {other.mean.shape} channels; "
                "merge only moments of the same layer"
            )
        with np.errstate(all="ignore"):
            count = np.add(self.count, other.count)
            share = other.count / np.where(count > 0, count, 1.0)
            delta = other.mean - self.mean
            # The product with the counts comes first, so that a huge delta from an empty side stays harmless.
            between = delta * (self.count * share) * delta
            return Moments(count, self.mean + delta * share, self.m2 + other.m2 + between)

    def __add__(self, other: Moments) -> Moments:
        return self.merge(other)

    @property
    def variance(self) -> FloatArray:
        """Biased variance m2 / count of each channel; nan where nothing was seen."""
        return _ratio(self.m2, self.count)

    @property
    def unbiased_variance(self) -> FloatArray:
        """Variance with Bessel's correction, m2 / (count − 1); nan up to a count of one."""
        return _ratio(self.m2, np.subtract(self.count, 1.0))


class PopulationMoments:
    """Moments of many batches, with the standard errors that the variation between the batches implies.

    Positions within one batch are correlated, so the number of values says nothing about the error. Batches
    are kept apart instead, as at most 128 groups of equally many batches: when these are full, neighbours are
    merged and 64 groups of twice the size remain (the method of batch means). Memory is bounded, and a
    correlation between successive batches ends up inside the groups, where it does no harm.
    """

    MAX_GROUPS = 128

    def __init__(self) -> None:
        self._groups: list[tuple[int, Moments]] = []
        self._group_size = 1

    def add(self, moments: Moments) -> None:
        """Add the moments of one batch.

        Raises:
            ValueError: the number of channels differs from that of the earlier batches.
        """
        if self._groups and self._groups[-1][0] < self._group_size:
            batches, group = self._groups[-1]
            self._groups[-1] = (batches + 1, group.merge(moments))
            return
        if self._groups and self._groups[0][1].mean.shape != moments.mean.shape:
            self._groups[0][1].merge(moments)  # raises the error that names both shapes
        if len(self._groups) == self.MAX_GROUPS:
            self._double_group_size()
        self._groups.append((1, moments))

    def merge(self, other: PopulationMoments) -> None:
        """Add all batches of another accumulator, such as another worker's, which is left as it is.

        Raises:
            ValueError: the numbers of channels differ.
        """
        if self._groups and other._groups:
            self._groups[0][1].merge(other._groups[0][1])  # raises if the shapes differ
        theirs = PopulationMoments()
        theirs._groups, theirs._group_size = list(other._groups), other._group_size
        while self._group_size < theirs._group_size:
            self._double_group_size()
        while theirs._group_size < self._group_size:
            theirs._double_group_size()
        self._groups += theirs._groups
        while len(self._groups) > self.MAX_GROUPS:
            self._double_group_size()

    def _double_group_size(self) -> None:
        paired = [
            (first[0] + second[0], first[1].merge(second[1]))
            for first, second in zip(self._groups[::2], self._groups[1::2], strict=False)
        ]
        self._groups = paired + self._groups[len(paired) * 2 :]
        self._group_size *= 2

    @property
    def batches(self) -> int:
        """Number of batches added."""
        return sum(batches for batches, _ in self._groups)

    @property
    def total(self) -> Moments:
        """Moments of all batches together.

        Raises:
            ValueError: no batch has been added.
        """
        weights, means, m2s = self._stacked()
        with np.errstate(all="ignore"):
            count, mean = _pooled(weights, means)
            m2 = (m2s + weights * np.square(means - mean)).sum(axis=0)
            return Moments(count.item() if count.size == 1 else count, mean, m2)

    @property
    def mean(self) -> FloatArray:
        """Pooled mean of each channel."""
        return self.total.mean

    @property
    def variance(self) -> FloatArray:
        """Pooled biased variance of each channel."""
        return self.total.variance

    @property
    def unbiased_variance(self) -> FloatArray:
        """Pooled variance of each channel with Bessel's correction over the pooled count."""
        return self.total.unbiased_variance

    @property
    def standard_error_of_mean(self) -> FloatArray:
        """Standard error of the pooled mean of each channel, from the variation between batches.

        The ratio estimator of cluster sampling: Var(m) ≈ n/(n−1) Σ wᵢ²(mᵢ − m)² / W² over n groups of weight
        wᵢ and mean mᵢ; groups without weight do not count. Infinite with fewer than two groups.

        Raises:
            ValueError: no batch has been added.
        """
        weights, means, _ = self._stacked()
        with np.errstate(all="ignore"):
            _, mean = _pooled(weights, means)
            return _standard_error_of_ratio(weights, means, mean)

    @property
    def standard_error_of_log_variance(self) -> FloatArray:
        """Standard error of the log of the pooled variance, from the variation between batches.

        The same estimator over each group's mean squared deviation from the pooled mean, divided by the
        variance (delta method). Zero where no value deviates at all; infinite with fewer than two groups.

        Raises:
            ValueError: no batch has been added.
        """
        weights, means, m2s = self._stacked()
        with np.errstate(all="ignore"):
            _, mean = _pooled(weights, means)
            deviations = m2s / np.where(weights > 0, weights, 1.0) + np.square(means - mean)
            _, variance = _pooled(weights, deviations)
            error = _standard_error_of_ratio(weights, deviations, variance)
            return np.where(variance == 0, error, error / np.where(variance == 0, 1.0, variance))

    def _stacked(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return weight, mean and m2 of the groups, each (groups, *channels).

        Weights that are the same for all channels have ones in place of the channels.
        """
        if not self._groups:
            raise ValueError("there are no moments: no batch has been added; run the layer on data first")
        groups = [moments for _, moments in self._groups]
        means = np.stack([moments.mean for moments in groups])
        shape = (1,) * (means.ndim - 1)
        if any(isinstance(moments.count, np.ndarray) for moments in groups):
            shape = means.shape[1:]
        counts = np.stack([np.broadcast_to(moments.count, shape) for moments in groups])
        return counts, means, np.stack([moments.m2 for moments in groups])


def _pooled(weights: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the total weight and the weighted mean over the first axis; the mean of nothing is zero."""
    total = weights.sum(axis=0)
    return total, (weights * values).sum(axis=0) / np.where(total > 0, total, 1.0)


def _standard_error_of_ratio(weights: FloatArray, values: FloatArray, mean: FloatArray) -> FloatArray:
    groups = (weights > 0).sum(axis=0)
    shares = weights / np.where(groups > 0, weights.sum(axis=0), 1.0)
    squares = np.square(shares * (values - mean)).sum(axis=0)
    return np.where(groups < 2, np.inf, np.sqrt(groups / np.maximum(groups - 1, 1) * squares))


def _ratio(numerator: FloatArray, denominator: float | FloatArray) -> FloatArray:
    with np.errstate(all="ignore"):
        return np.where(np.greater(denominator, 0), numerator / denominator, np.nan)
