"""How far a layer's stored statistics are from the moments of what it is fed, against the noise of the estimate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from steadynorm.evidence import Array, CallSite, Evidence, Layer, SampledMoments, Split, Statistics

SHIFT_THRESHOLD = 0.2
"""Smallest mean shift, in standard deviations, that is called a difference. A healthy average with decay 0.9 over
batches of 64 stays under 0.1."""

LOG_VARIANCE_THRESHOLD = 0.3
"""Smallest |log variance ratio| that is called a difference; 0.3 changes the scale of the output by 16 %."""

STANDARD_ERRORS = 4.0
"""A difference must also exceed its own standard error this many times."""


@dataclass(frozen=True, slots=True)
class Distance:
    """Root mean square over channels of the differences, and of their standard errors.

    Arguments:
        shift: (batch mean - stored mean) / standard deviation of the batch.
        log_ratio: log of (batch variance + epsilon) / (stored variance + epsilon).
        shift_error: standard error of `shift`.
        log_ratio_error: standard error of `log_ratio`.
    """

    shift: float
    log_ratio: float
    shift_error: float
    log_ratio_error: float

    @property
    def significant(self) -> bool:
        """Whether either difference is large and not noise. A non-finite difference is large."""
        return _exceeds(self.shift, self.shift_level) or _exceeds(self.log_ratio, self.log_ratio_level)

    @property
    def shift_level(self) -> float:
        """The noise level of `shift`: what is larger is called a difference."""
        return _level(self.shift_error, SHIFT_THRESHOLD)

    @property
    def log_ratio_level(self) -> float:
        """That of `log_ratio`."""
        return _level(self.log_ratio_error, LOG_VARIANCE_THRESHOLD)

    def as_evidence(self) -> dict[str, object]:
        """The numbers, for a finding."""
        return {
            "mean_shift": self.shift,
            "log_variance_ratio": self.log_ratio,
            "mean_shift_error": self.shift_error,
            "log_variance_ratio_error": self.log_ratio_error,
        }


def _level(error: float, threshold: float) -> float:
    return max(threshold, STANDARD_ERRORS * error)


def _exceeds(value: float, level: float) -> bool:
    return not np.isfinite(value) or value > level


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if values.size else 0.0


def between(
    moments: SampledMoments, mean: Array, variance: Array, epsilon: float, live: Array | None = None
) -> Distance:
    """The distance of `moments` from a stored `mean` and `variance`, over the channels `live` (all if `None`)."""
    chosen = np.ones(moments.mean.shape, bool) if live is None else live
    with np.errstate(all="ignore"):
        scale = np.sqrt(moments.variance + epsilon)
        shift = (moments.mean - mean) / scale
        log_ratio = np.log((moments.variance + epsilon) / (variance + epsilon))
        return Distance(
            _rms(shift[chosen]),
            _rms(log_ratio[chosen]),
            _rms((moments.mean_error / scale)[chosen]),
            _rms(moments.log_variance_error[chosen]),
        )


def apart(first: Statistics, second: Statistics, epsilon: float) -> tuple[float, float]:
    """Shift in standard deviations, and log variance ratio, between two versions of the same statistics."""
    with np.errstate(all="ignore"):
        scale = np.sqrt(np.maximum(first.variance, second.variance) + epsilon)
        ratio = np.log((first.variance + epsilon) / (second.variance + epsilon))
        return _rms((first.mean - second.mean) / scale), _rms(ratio)


def pooled(sites: tuple[CallSite, ...]) -> SampledMoments | None:
    """The training moments of one layer over all its call sites: what its shared average converges to."""
    seen = [site.moments[Split.TRAIN] for site in sites if Split.TRAIN in site.moments]
    if not seen:
        return None
    if len(seen) == 1:
        return seen[0]
    mean = np.mean([moments.mean for moments in seen], axis=0)
    within = np.mean([moments.variance for moments in seen], axis=0)
    between_sites = np.mean([np.square(moments.mean - mean) for moments in seen], axis=0)
    return SampledMoments(
        mean,
        within + between_sites,
        np.max([moments.mean_error for moments in seen], axis=0),
        np.max([moments.log_variance_error for moments in seen], axis=0),
        max(moments.batches for moments in seen),
        min(moments.values for moments in seen),
    )


def of_layer(evidence: Evidence, layer: Layer) -> Distance | None:
    """The distance of one layer's stored statistics from what it is fed in training; `None` if unknown.

    An average over several call sites holds the mean of the sites' variances, without the spread between them;
    each of both readings is right for some framework, so the nearer one counts.
    """
    sites = evidence.sites(layer.name)
    moments = pooled(sites)
    if moments is None or layer.statistics is None:
        return None
    stored = layer.statistics
    distance = between(moments, stored.mean, stored.variance, layer.config.epsilon)
    if len(sites) > 1:
        within = np.mean([site.moments[Split.TRAIN].variance for site in sites], axis=0)
        averaged = SampledMoments(
            moments.mean,
            within,
            moments.mean_error,
            moments.log_variance_error,
            moments.batches,
            moments.values,
        )
        other = between(averaged, stored.mean, stored.variance, layer.config.epsilon)
        distance = min(distance, other, key=lambda each: each.log_ratio)
    return distance


def without_initial_value(stored: Statistics, share: float) -> tuple[Array, Array]:
    """Mean and variance with the initial value's `share` (of mean 0 and variance 1) taken out of the average."""
    return stored.mean / (1 - share), (stored.variance - share) / (1 - share)


def mismatched(evidence: Evidence) -> Iterator[tuple[Layer, Distance]]:
    """The layers whose stored statistics differ from what they are fed, with the distance."""
    for layer in evidence.layers:
        distance = of_layer(evidence, layer)
        if distance is not None and distance.significant:
            yield layer, distance
