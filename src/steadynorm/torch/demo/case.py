"""What every mistake of the demonstration is: a model with its functions, what the user sees, and the repair."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.nn import functional
from torch.optim import Optimizer

from steadynorm.subject import Subject
from steadynorm.torch.demo.data import Digits
from steadynorm.torch.demo.network import Network, accuracy, evaluate, new_network, train, train_step


@dataclass(frozen=True)
class Case:
    """One mistake, made.

    Arguments:
        title: what was done wrong, in a few words.
        subject: the model after the mistake, with what the user has for training and evaluating it.
        training: the accuracy over the last epoch, in training mode.
        remedy: the repair, in a few words.
        repair: gives a repaired copy of the model; `None` where nothing is wrong.
    """

    title: str
    subject: Subject
    training: float
    remedy: str = ""
    repair: Callable[[], nn.Module] | None = None

    def inference(self) -> float:
        """What the user's own evaluation gives on the held-out images."""
        assert self.subject.evaluate is not None
        return float(self.subject.evaluate(copy.deepcopy(self.subject.model), self.subject.validation_data))

    def repaired(self) -> float:
        """The accuracy of the repaired model on the same images, in inference mode."""
        assert self.repair is not None
        return evaluate(self.repair(), list(self.subject.validation_data or ()))


@dataclass(frozen=True)
class Trained:
    """A network trained without any mistake."""

    digits: Digits
    network: Network
    optimizer: Optimizer
    training: float

    @classmethod
    def on(cls, digits: Digits) -> Trained:
        """Trains one."""
        network = new_network()
        return cls(digits, network, *train(network, digits.train))


def subject_of(model: nn.Module, digits: Digits, optimizer: Optimizer, **functions: Any) -> Subject:
    """The subject that a user would write down; `functions` replace the ordinary ones."""
    return Subject(
        model,
        digits.train,
        digits.validation,
        loss=functional.cross_entropy,
        metric=accuracy,
        optimizer=optimizer,
        **{"train_step": train_step, "evaluate": evaluate, **functions},
    )
