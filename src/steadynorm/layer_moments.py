"""Moments of what layers are fed, accumulated over batches, where a framework's room gives those of each batch."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import numpy as np

from steadynorm.evidence import SampledMoments
from steadynorm.norm.moments import Moments, PopulationMoments
from steadynorm.passes import Site


class Accumulator(Protocol):
    """Takes in what one call site is fed."""

    @property
    def values(self) -> Sized:
        """Values per channel of each input so far."""

    def sampled(self) -> SampledMoments:
        """What is known so far, with standard errors."""


A = TypeVar("A", bound=Accumulator)


@dataclass
class Seen(Generic[A]):
    """What was seen of the layers of a model while it ran.

    Arguments:
        moments: accumulated inputs by call site.
        batch_layers: layers that normalized by batch moments.
        values: smallest number of values per channel in such a call.
    """

    moments: dict[Site, A] = field(default_factory=dict)
    batch_layers: dict[str, None] = field(default_factory=dict)
    values: int | None = None

    def sampled(self) -> dict[Site, SampledMoments]:
        """The moments of every call site that got data."""
        return {site: accumulated.sampled() for site, accumulated in self.moments.items() if accumulated.values}

    def by_batch(self, name: str, values: int | None) -> None:
        """Notes a call that normalized by the moments of so many values; `None` if nobody knows how many."""
        self.batch_layers[name] = None
        if values is not None:
            self.values = min(values, self.values or values)


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
