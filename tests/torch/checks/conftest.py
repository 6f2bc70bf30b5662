"""A small residual network on the digits, trained once for all tests of the checks, and how it is diagnosed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import steadynorm

LOSS = nn.CrossEntropyLoss()


def accuracy(output: Tensor, target: Tensor) -> float:
    return float((output.argmax(1) == target).float().mean())


class Net(nn.Module):
    """Convolution, one residual block, linear layers; normalized after each but the last."""

    def __init__(self, momentum: float | None = 0.1, eps: float = 1e-5, width: int = 16) -> None:
        super().__init__()
        options = {"momentum": momentum, "eps": eps}
        self.conv = nn.Conv2d(1, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width, **options)
        self.inner = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.inner_norm = nn.BatchNorm2d(width, **options)
        self.hidden = nn.Linear(width * 16, 32, bias=False)
        self.hidden_norm = nn.BatchNorm1d(32, **options)
        self.head = nn.Linear(32, 10)

    def features(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.conv(x)))
        x = torch.relu(self.inner_norm(self.inner(x))) + x
        return torch.max_pool2d(x, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.hidden_norm(self.hidden(self.features(x).flatten(1)))))


def train_step(model: nn.Module, optimizer: torch.optim.Optimizer, batch: Any) -> Tensor:
    optimizer.zero_grad()
    loss = LOSS(model(batch[0]), batch[1])
    loss.backward()
    optimizer.step()
    return loss


def evaluate(model: nn.Module, batches: Any) -> float:
    model.eval()
    with torch.no_grad():
        right = sum(int((model(x).argmax(1) == y).sum()) for x, y in batches)
    return right / sum(len(y) for _, y in batches)


def train(
    model: nn.Module,
    batches: Any,
    *,
    epochs: int = 4,
    step: Callable[..., Any] = train_step,
    rate: float = 3e-3,
    mode: bool = True,
) -> torch.optim.Optimizer:
    """Trains in the plain way and gives the optimizer back."""
    optimizer = torch.optim.Adam([each for each in model.parameters() if each.requires_grad], rate)
    model.train(mode)
    for _ in range(epochs):
        for batch in batches:
            step(model, optimizer, batch)
    return optimizer


class Lab:
    """What the tests need: networks, training, and a diagnosis on the digits."""

    Net = Net
    loss = staticmethod(LOSS)
    accuracy = staticmethod(accuracy)
    train = staticmethod(train)
    train_step = staticmethod(train_step)
    evaluate = staticmethod(evaluate)

    def __init__(self, digits: Any, healthy: Net, optimizer: torch.optim.Optimizer, of_reports: Any) -> None:
        self.codes, self.assert_first = of_reports.codes, of_reports.assert_first
        self.assert_healthy = of_reports.assert_healthy
        self.digits = digits
        self._healthy = healthy, optimizer

    def healthy(self) -> tuple[Net, torch.optim.Optimizer]:
        """A copy of the trained network and of its optimizer."""
        return copy.deepcopy(self._healthy)

    def diagnose(self, model: nn.Module, **functions: Any) -> steadynorm.Report:
        """A diagnosis on the digits with loss and accuracy."""
        options = {
            "train_data": self.digits.train,
            "validation_data": self.digits.validation,
            "loss": LOSS,
            "metric": accuracy,
            "progress": False,
            **functions,
        }
        return steadynorm.diagnose(model, **options)


@pytest.fixture(scope="session")
def lab(digits: Any, of_reports: Any) -> Lab:
    torch.manual_seed(0)
    net = Net()
    optimizer = train(net, digits.train)
    lab = Lab(digits, net, optimizer, of_reports)
    assert evaluate(copy.deepcopy(net), digits.validation) > 0.95
    return lab
