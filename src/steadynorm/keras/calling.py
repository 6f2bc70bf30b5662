"""Calls a Keras model and the subject's functions, and says what was wrong when they refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from steadynorm.errors import UnusableInputError
from steadynorm.keras.batches import call, fresh, inputs_and_targets, numbers_of, shapes_of
from steadynorm.subject import Subject


class Calling:
    """A model with the subject's functions.

    Arguments:
        subject: what is diagnosed.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject = subject

    @property
    def forward(self) -> Callable[[Any, Any], Any]:
        """How the model is called."""
        return self.subject.forward or call

    def run(self, batch: Any) -> Any:
        """The model's output for a batch of its own.

        Raises:
            UnusableInputError: the model refuses it.
        """
        try:
            return self.forward(self.subject.model, fresh(batch))
        except UnusableInputError:
            raise
        except Exception as error:
            raise UnusableInputError(
                f"the model refuses a batch of {shapes_of(batch)}: {type(error).__name__}: {error}. "
                "Pass forward=lambda model, batch: ... if the model is called in another way"
            ) from error

    def target(self, batch: Any) -> Any:
        """The targets of a batch, `None` without any.

        Raises:
            UnusableInputError: the subject's own function raised.
        """
        if self.subject.target is None:
            return inputs_and_targets(batch)[1]
        try:
            return self.subject.target(fresh(batch))
        except Exception as error:
            raise UnusableInputError(
                f"target(batch) raised {type(error).__name__}: {error}. It is called with a batch, here a "
                f"{type(batch).__name__} of {shapes_of(batch)}, and returns what loss and metric compare with"
            ) from error

    def result(self, name: str, output: Any, target: Any) -> Any:
        """What the function of this name gives.

        Raises:
            UnusableInputError: it raised.
        """
        try:
            return getattr(self.subject, name)(output, target)
        except Exception as error:
            hint = "; pass target=lambda batch: ... to say where the targets are" if target is None else ""
            raise UnusableInputError(
                f"{name}(output, target) raised {type(error).__name__}: {error} ({_given(output, target)}){hint}"
            ) from error

    def number(self, name: str, output: Any, target: Any) -> float:
        """What the function of this name gives, as one number.

        Raises:
            UnusableInputError: it raised, or gave something else.
        """
        result = self.result(name, output, target)
        try:
            return float(numbers_of(result))
        except (TypeError, ValueError) as error:
            raise UnusableInputError(
                f"{name}(output, target) gave a {type(result).__name__} of {shapes_of(result)}; expected one number, "
                f"averaged over the batch ({_given(output, target)})"
            ) from error


def _given(output: Any, target: Any) -> str:
    given = f"the output is a {type(output).__name__} of {shapes_of(output)}, the target "
    return given + ("None" if target is None else f"a {type(target).__name__} of {shapes_of(target)}")
