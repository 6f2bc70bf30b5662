"""Calls a Keras model and the subject's functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from steadynorm import calling
from steadynorm.keras.batches import call, fresh, inputs_and_targets, numbers_of, shapes_of


class Calling(calling.Calling):
    """Implements `steadynorm.calling.Calling` for Keras, whose models are not copied."""

    @property
    def model(self) -> Any:
        """See `Calling`."""
        return self.subject.model

    @property
    def forward(self) -> Callable[[Any, Any], Any]:
        """See `Calling`."""
        return self.subject.forward or call

    def function(self, name: str) -> Callable[..., Any]:
        """See `Calling`."""
        found: Callable[..., Any] = getattr(self.subject, name)
        return found

    def fresh(self, batch: Any) -> Any:
        """See `Calling`."""
        return fresh(batch)

    def given_target(self, batch: Any) -> Any:
        """See `Calling`."""
        return inputs_and_targets(batch)[1]

    def shapes(self, value: Any) -> str:
        """See `Calling`."""
        return shapes_of(value)

    def as_number(self, result: Any) -> float:
        """See `Calling`."""
        return float(numbers_of(result))
