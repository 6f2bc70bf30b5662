"""What came of folding a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from torch import nn

Model = TypeVar("Model", bound=nn.Module)


@dataclass(frozen=True)
class Folding(Generic[Model]):
    """A model for inference with fewer normalization layers, and what became of each of them.

    Attributes:
        model: the new model, in inference mode.
        folded: paths of the layers (one, unless it was called with several) that now do the work of a normalization
            layer, by the latter's path.
        left: why a normalization layer stayed, by its path; calls of torch.nn.functional.batch_norm, too.
        difference: greatest distance between the outputs of the two models for the example, as a share of the greatest
            absolute value of each output.
        followed: how the way of the data was found, "symbolically" for every input or "for inputs like the example".
    """

    model: Model
    folded: Mapping[str, tuple[str, ...]]
    left: Mapping[str, str]
    difference: float
    followed: str

    def __str__(self) -> str:
        count = len(self.folded) + len(self.left)
        lines = [
            f"Folded {len(self.folded)} of {count} normalization layers, followed {self.followed}.",
            f"The outputs for the example differ by {self.difference:.1e} of their scale.",
        ]
        return "\n".join(lines + [f"  left {name}: {reason}" for name, reason in self.left.items()])
