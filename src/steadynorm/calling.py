"""Calls a model and the subject's functions, and says what was wrong when they refuse; frameworks supply primitives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from steadynorm.errors import UnusableInputError
from steadynorm.quoting import said
from steadynorm.subject import Subject


class Calling(ABC):
    """A model, or what stands for it, with the subject's functions.

    Arguments:
        subject: what is diagnosed.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject = subject

    @property
    @abstractmethod
    def model(self) -> Any:
        """What the subject's functions get as their model."""

    @property
    @abstractmethod
    def forward(self) -> Callable[[Any, Any], Any]:
        """How the model is called."""

    @abstractmethod
    def function(self, name: str) -> Callable[..., Any]:
        """A function of the subject, as it is to be called."""

    @abstractmethod
    def fresh(self, batch: Any) -> Any:
        """A batch of its own: a user's function may change it."""

    @abstractmethod
    def given_target(self, batch: Any) -> Any:
        """The targets of a batch by the documented rule; `None` if there are none."""

    @abstractmethod
    def shapes(self, value: Any) -> str:
        """The arrays in a nest in words, as `(64, 10) float32`."""

    @abstractmethod
    def as_number(self, result: Any) -> float:
        """The number that a loss or metric gave.

        Raises:
            TypeError: it is none; ValueError and RuntimeError likewise.
        """

    def run(self, batch: Any) -> Any:
        """The model's output for a batch of its own.

        Raises:
            UnusableInputError: the model refuses it.
        """
        try:
            return self.forward(self.model, self.fresh(batch))
        except UnusableInputError:
            raise
        except Exception as error:
            raise UnusableInputError(
                f"the model refuses a batch of {self.shapes(batch)}: {said(error)}. "
                "Pass forward=lambda model, batch: ... if the model is called in another way"
            ) from error

    def target(self, batch: Any) -> Any:
        """The targets of a batch, `None` without any.

        Raises:
            UnusableInputError: the subject's own function raised.
        """
        batch = self.fresh(batch)
        if self.subject.target is None:
            return self.given_target(batch)
        try:
            return self.function("target")(batch)
        except Exception as error:
            raise UnusableInputError(
                f"target(batch) raised {said(error)}. It is called with a batch, here a "
                f"{type(batch).__name__} of {self.shapes(batch)}, and returns what loss and metric compare with"
            ) from error

    def result(self, name: str, output: Any, target: Any) -> Any:
        """What the loss or the metric gives.

        Raises:
            UnusableInputError: it raised.
        """
        try:
            return self.function(name)(output, target)
        except Exception as error:
            hint = "; pass target=lambda batch: ... to say where the targets are" if target is None else ""
            raise UnusableInputError(
                f"{name}(output, target) raised {said(error)} ({self._given(output, target)}){hint}"
            ) from error

    def number(self, name: str, output: Any, target: Any) -> float:
        """What the loss or the metric gives, as one number.

        Raises:
            UnusableInputError: it raised, or gave something else.
        """
        result = self.result(name, output, target)
        try:
            return self.as_number(result)
        except (TypeError, ValueError, RuntimeError) as error:
            raise UnusableInputError(
                f"{name}(output, target) gave a {type(result).__name__} of {self.shapes(result)}; expected one number, "
                f"averaged over the batch ({self._given(output, target)})"
            ) from error

    def _given(self, output: Any, target: Any) -> str:
        given = f"the output is a {type(output).__name__} of {self.shapes(output)}, the target "
        return given + ("None" if target is None else f"a {type(target).__name__} of {self.shapes(target)}")
