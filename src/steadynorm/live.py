"""The small interface over which a live diagnosis is written once; each framework's `live.py` implements it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from steadynorm.evidence import (
    Array,
    CallSite,
    Evaluation,
    Layer,
    Mode,
    SampledMoments,
    Split,
    TrainSteps,
    WeightSource,
)

Site: TypeAlias = tuple[str, int]
"""A call site: the layer's name and the number of the call within one forward pass."""

Override: TypeAlias = Mapping[Site, tuple[Array, Array]]
"""Mean and variance to normalize by at call sites during one pass, in place of the stored ones."""


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


class Live(Protocol):
    """A copy of a user's model with sampled data, ready to be measured. The user's own objects are never touched."""

    framework: str
    has_validation: bool
    has_dropout: bool

    def layers(self) -> tuple[Layer, ...]:
        """The normalization layers with their stored statistics."""

    def source(self) -> WeightSource | None:
        """Where averaged weights came from."""

    def measure(
        self,
        split: Split,
        mode: Mode,
        *,
        observe: bool = False,
        dropout: bool = False,
        override: Override | None = None,
        samples_per_batch: int | None = None,
    ) -> Pass:
        """One pass over the sampled batches; only normalization layers (and dropout, if asked) leave inference mode."""

    def chains(self) -> Mapping[Site, CallSite]:
        """Call sites with the operations before and after them, from one batch."""

    def steps(self) -> TrainSteps | None:
        """The user's train step run a few times on a copy; `None` without one."""

    def evaluate(self) -> Evaluation | None:
        """The user's evaluation run on a copy; `None` without one."""
