"""A small network on the digits that is trained under a monitor."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import steadynorm


class Net(nn.Module):
    """Convolution and linear layers, each normalized, and a head."""

    def __init__(self, momentum: float = 0.1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8, momentum=momentum)
        self.hidden = nn.Linear(128, 32, bias=False)
        self.hidden_norm = nn.BatchNorm1d(32, momentum=momentum)
        self.head = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(torch.relu(self.norm(self.conv(x))), 2).flatten(1)
        return self.head(torch.relu(self.hidden_norm(self.hidden(x))))


def train_step(model: nn.Module, optimizer: torch.optim.Optimizer, batch: Any) -> Tensor:
    optimizer.zero_grad()
    loss = functional.cross_entropy(model(batch[0]), batch[1])
    loss.backward()
    optimizer.step()
    return loss.detach()


class Course:
    """Trainings of a network on the digits."""

    Net = Net
    train_step = staticmethod(train_step)

    def __init__(self, digits: Any) -> None:
        self.train, self.validation = digits.train, digits.validation

    def batches(self, steps: int) -> Iterator[Any]:
        """That many training batches."""
        return islice(cycle(self.train), steps)

    def run(
        self,
        model: nn.Module,
        steps: int = 88,
        *,
        step: Callable[..., Any] = train_step,
        between: Callable[[int, nn.Module], None] = lambda _, __: None,
        rate: float = 3e-3,
        **options: Any,
    ) -> list[str]:
        """Trains under a monitor.

        Returns:
            what was warned of, each beginning with its code.
        """
        optimizer = torch.optim.Adam([each for each in model.parameters() if each.requires_grad], rate)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with steadynorm.Monitor(model, **options) as monitor:
                for index, batch in enumerate(self.batches(steps)):
                    monitor.step(loss=step(model, optimizer, batch))
                    between(index, model)
        assert all(each.category is steadynorm.TrainingWarning for each in caught), [each.message for each in caught]
        return [str(each.message) for each in caught]


@pytest.fixture
def course(digits: Any) -> Course:
    torch.manual_seed(0)
    return Course(digits)
