"""Moments of what one layer is fed, accumulated over batches, where a framework's room gives those of each batch."""

from __future__ import annotations

import numpy as np

from steadynorm.evidence import SampledMoments
from steadynorm.norm.moments import Moments, PopulationMoments


class LayerMoments:
    """Accumulates the moments of one call site over batches."""

    def __init__(self) -> None:
        self.population = PopulationMoments()
        self.values: list[int] = []

    def add(self, moments: Moments) -> None:
        """Takes in one input of the layer; an empty one counts for nothing."""
        values = int(np.max(moments.count))
        if values:
            self.values.append(values)
            self.population.add(moments)

    def sampled(self) -> SampledMoments:
        """What is known so far, with standard errors."""
        total = self.population.total
        corrected = bool(np.all(np.asarray(total.count) > 1))
        return SampledMoments(
            total.mean,
            total.unbiased_variance if corrected else total.variance,
            self.population.standard_error_of_mean,
            self.population.standard_error_of_log_variance,
            self.population.batches,
            int(np.median(self.values)),
        )
