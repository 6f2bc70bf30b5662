"""Epsilon and decay on the way to another framework: what is adjusted, and what its layers must be told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from steadynorm.evidence import Array, Layer
from steadynorm.mending.naming import CONVENTIONS, Target
from steadynorm.report.words import folded


@dataclass(frozen=True, slots=True)
class Epsilons:
    """What layers add to the variance, as far as it is known.

    Arguments:
        target: those of the new model, `None` if unknown.
        source: those of the old model, `None` for what the file tells.
    """

    target: float | None
    source: float | None

    def of(self, layer: Layer) -> float | None:
        """What a layer of the old model adds, `None` if nothing tells."""
        if self.source is not None:
            return self.source
        return None if "epsilon" in layer.assumed else layer.config.epsilon

    def adjusted(self, layer: Layer) -> Array | None:
        """The variance that gives the same outputs with the target's epsilon; `None` if it stays as it is."""
        source = self.of(layer)
        if self.target is None or source is None or source == self.target or layer.statistics is None:
            return None
        moved = layer.statistics.variance + (source - self.target)
        return moved if np.all(moved >= 0) else None

    def notes(self, layers: tuple[Layer, ...], target: Target, framework: str) -> Iterator[str]:
        """What was adjusted, and which epsilon the new model must have where nothing could be.

        Arguments:
            layers: the layers.
            target: what they are converted to.
            framework: what they come from.
        """
        default = CONVENTIONS[target].epsilon
        unknown = [each.name for each in layers if self.of(each) is None]
        if unknown:
            yield (
                f"the file does not tell the epsilon of {_which(unknown, layers)}: build the target's layers with the "
                f"same one (the default of {target} is {default:g}, of the source's {framework} "
                f"{layers[0].config.epsilon:g}), or say both: --source-epsilon and --epsilon"
            )
        kept: dict[float, list[str]] = {}
        stuck: dict[float, list[str]] = {}
        moved: dict[float, list[str]] = {}
        for layer in layers:
            source = self.of(layer)
            if source is None or layer.statistics is None:
                continue
            if self.target is None:
                kept.setdefault(source, []).append(layer.name)
            elif source != self.target:
                (stuck if self.adjusted(layer) is None else moved).setdefault(source, []).append(layer.name)
        for value, names in kept.items():
            differs = "" if value == default else f" (the default there is {default:g})"
            yield f"in the target, {_which(names, layers)} must have epsilon {value:g}{differs}"
        for value, names in moved.items():
            yield (
                f"the variance of {_which(names, layers)} was changed by {value - (self.target or 0.0):.6g}, so that "
                f"epsilon {self.target:g} gives what {value:g} gave"
            )
        for value, names in stuck.items():
            yield (
                f"in the target, {_which(names, layers)} must have epsilon {value:g}: with {self.target:g} some "
                "variance would have to be negative, so it was left as it is"
            )


def decay_notes(layers: tuple[Layer, ...], target: Target) -> Iterator[str]:
    """The option that the new model's layers need to be trained on, by the layers' decay.

    Arguments:
        layers: the layers.
        target: what they are converted to.
    """
    convention = CONVENTIONS[target]
    by_decay: dict[float | None, list[str]] = {}
    unknown = []
    for layer in layers:
        if "decay" in layer.assumed:
            unknown.append(layer.name)
        else:
            by_decay.setdefault(layer.config.decay, []).append(layer.name)
    for decay, names in by_decay.items():
        which = _which(names, layers)
        if decay is None:
            yield f"{which}: averaged over all batches (momentum=None), which only PyTorch's layers do"
        else:
            yield f"to train on, {which} must have {convention.option(decay)} (decay {decay:g})"
    if unknown:
        yield (
            f"the file does not tell the decay of {_which(unknown, layers)}; to train on, mind that PyTorch's momentum "
            f"is 1 - decay (default of {target}: {convention.option(convention.decay)})"
        )


def _which(names: list[str], layers: tuple[Layer, ...]) -> str:
    return "all layers" if 1 < len(names) == len(layers) else folded(names)
