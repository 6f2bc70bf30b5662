"""Calls a copy of a PyTorch model and the subject's functions, bound to what was copied along."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from steadynorm import calling
from steadynorm.batches import inputs_and_target
from steadynorm.subject import Subject
from steadynorm.torch.batches import call, fresh, shapes_of
from steadynorm.torch.copying import Copier


class Calling(calling.Calling):
    """Implements `steadynorm.calling.Calling` for PyTorch.

    Arguments:
        subject: what is diagnosed.
        copier: holds the copy.
        device: where its batches go, `None` for where they are.
    """

    def __init__(self, subject: Subject, copier: Copier, device: torch.device | None) -> None:
        super().__init__(subject)
        self.copier, self.device = copier, device

    @property
    def model(self) -> Any:
        """See `Calling`."""
        return self.copier.handed_over

    @property
    def forward(self) -> Callable[[Any, Any], Any]:
        """See `Calling`."""
        return self.function("forward") if self.subject.forward else call

    def function(self, name: str) -> Callable[..., Any]:
        """See `Calling`."""
        return self.copier.bind(getattr(self.subject, name))

    def fresh(self, batch: Any) -> Any:
        """See `Calling`."""
        return fresh(batch, self.device)

    def given_target(self, batch: Any) -> Any:
        """See `Calling`."""
        return inputs_and_target(batch)[1]

    def shapes(self, value: Any) -> str:
        """See `Calling`."""
        return shapes_of(value)

    def as_number(self, result: Any) -> float:
        """See `Calling`."""
        return float(result)
