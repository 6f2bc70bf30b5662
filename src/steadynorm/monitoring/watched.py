"""The small interface over which a monitor is written once; each framework's `monitor.py` implements it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from steadynorm.evidence import Array, Layer, LayerSteps

Counts: TypeAlias = npt.NDArray[Any]
"""One whole number per layer."""


@dataclass(frozen=True, slots=True)
class Snapshots:
    """What a monitor keeps of several moments of the training, in their order.

    Arguments:
        mean: the moving means of all layers, one after the other, shape (moments, all channels).
        variance: the moving variances, likewise.
        updates: how often each layer has been updated, shape (moments, layers); -1 where it does not count.
        unrecorded: how often the model has normalized by the batch without gradients being recorded, as far as that
            was counted, shape (moments,).
        training: whether the model as a whole was in training mode at the last moment; `None` where it has no such
            mode.
        at_once: how many updates it stands for that a layer moved which does not count them.
    """

    mean: Array
    variance: Array
    updates: Counts
    unrecorded: Counts
    training: bool | None = None
    at_once: int = 1

    def __getitem__(self, chosen: slice | Counts) -> Snapshots:
        return replace(
            self,
            mean=self.mean[chosen],
            variance=self.variance[chosen],
            updates=self.updates[chosen],
            unrecorded=self.unrecorded[chosen],
        )

    def then(self, later: Snapshots) -> Snapshots:
        """These and the later ones."""
        return Snapshots(
            np.concatenate([self.mean, later.mean]),
            np.concatenate([self.variance, later.variance]),
            np.concatenate([self.updates, later.updates]),
            np.concatenate([self.unrecorded, later.unrecorded]),
            later.training,
            later.at_once,
        )


class Watched(Protocol):
    """A model in training. Nothing that is asked of it may change the training in any bit."""

    framework: str
    name: str

    def layers(self) -> tuple[Layer, ...]:
        """The layers that keep statistics, as they are now; always the same ones in the same order."""

    def keep(self) -> Any:
        """The statistics as they are now, copied to where they are: fast, and without waiting for a device."""

    def snapshots(self, kept: Sequence[Any]) -> Snapshots:
        """What `keep` gave at several moments, as arrays."""

    def probe(self) -> None:
        """Watches the calls of the layers from now on."""

    def probed(self) -> Mapping[str, LayerSteps]:
        """Ends that and tells what each layer did since then; layers that were not seen being called are missing."""

    def count(self, on: bool) -> None:
        """Begins or ends to count what `Snapshots.unrecorded` says, which costs a little in every step."""

    def close(self) -> None:
        """Takes off whatever watches the model."""
