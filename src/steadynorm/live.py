"""The small interface over which a live diagnosis is written once; each framework's `live.py` implements it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeAlias

from steadynorm.drawing.network import Network
from steadynorm.evidence import (
    Array,
    CallSite,
    Evaluation,
    Layer,
    Mode,
    Split,
    TrainSteps,
    WeightSource,
)
from steadynorm.passes import Pass, Site

Override: TypeAlias = Mapping[Site, tuple[Array, Array]]
"""Mean and variance to normalize by at call sites during one pass, in place of the stored ones."""


class Live(Protocol):
    """A copy of a user's model with sampled data, ready to be measured. The user's own objects are never touched."""

    framework: str
    has_validation: bool
    has_dropout: bool

    def layers(self) -> tuple[Layer, ...]:
        """The normalization layers with their stored statistics."""

    def left_out(self) -> Mapping[str, str]:
        """The normalization layers that cannot be watched, and why: words that follow 'layers …:'."""

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

    def network(self) -> Network:
        """The network, from one batch, for a drawing.

        Raises:
            UnusableInputError: it cannot be followed.
        """

    def steps(self) -> TrainSteps | None:
        """The user's train step run a few times on a copy; `None` without one."""

    def evaluate(self) -> Evaluation | None:
        """The user's evaluation run on a copy; `None` without one."""
