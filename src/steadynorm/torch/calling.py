"""Calls a copy of the model and the subject's functions, and says what was wrong when they refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from steadynorm.batches import inputs_and_target
from steadynorm.errors import UnusableInputError
from steadynorm.subject import Subject
from steadynorm.torch.batches import call, fresh, shapes_of
from steadynorm.torch.copying import Copier


class Calling:
    """A copy of the model with the subject's functions, bound to what was copied along.

    Arguments:
        subject: what is diagnosed.
        copier: holds the copy.
        device: where its batches go, `None` for where they are.
    """

    def __init__(self, subject: Subject, copier: Copier, device: torch.device | None) -> None:
        self.subject, self.copier, self.device = subject, copier, device

    def forward(self) -> Callable[[Any, Any], Any]:
        """How the model is called."""
        return self.copier.bind(self.subject.forward) if self.subject.forward else call

    def run(self, batch: Any) -> Any:
        """The model's output for a batch of its own.

        Raises:
            UnusableInputError: the model refuses it.
        """
        batch = fresh(batch, self.device)
        try:
            return self.forward()(self.copier.handed_over, batch)
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
        batch = fresh(batch, self.device)
        if self.subject.target is None:
            return inputs_and_target(batch)[1]
        try:
            return self.copier.bind(self.subject.target)(batch)
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
            return self.copier.bind(getattr(self.subject, name))(output, target)
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
            return float(result)
        except (TypeError, ValueError, RuntimeError) as error:
            raise UnusableInputError(
                f"{name}(output, target) gave a {type(result).__name__} of {shapes_of(result)}; expected one number, "
                f"averaged over the batch ({_given(output, target)})"
            ) from error


def _given(output: Any, target: Any) -> str:
    given = f"the output is a {type(output).__name__} of {shapes_of(output)}, the target "
    return given + ("None" if target is None else f"a {type(target).__name__} of {shapes_of(target)}")
