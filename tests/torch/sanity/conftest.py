"""The digits, a small network, its train step, and a sanity test of them in a few seconds."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import steadynorm
from steadynorm import Report, Subject

LOSS = nn.CrossEntropyLoss()


def train_step(model: nn.Module, optimizer: torch.optim.Optimizer, batch: Any) -> Tensor:
    optimizer.zero_grad()
    loss = LOSS(model(batch[0]), batch[1])
    loss.backward()
    optimizer.step()
    return loss


class SanityLab:
    """Networks on the digits and what a sanity test says about them."""

    def __init__(self, digits: Any) -> None:
        self.digits, self.loss, self.train_step = digits, LOSS, train_step

    def net(self) -> nn.Sequential:
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(0.5),
            nn.Linear(256, 10),
        )

    def subject(self, model: nn.Module, rate: float = 1e-2, **given: Any) -> Subject:
        """The subject as a user would give it: classification with the plain train step."""
        optimizer = torch.optim.Adam(model.parameters(), rate)
        whole = {
            "train_data": self.digits.train,
            "loss": LOSS,
            "train_step": train_step,
            "optimizer": optimizer,
            "name": "digits",
        }
        return Subject(model, **{**whole, **given})

    def report(self, subject: Subject, select: str | list[str] = "SN9", **given: Any) -> Report:
        """A sanity test; long enough for its slowest network on a busy machine."""
        return steadynorm.sanity(subject, select=select, progress=False, **given)

    def codes(self, subject: Subject, select: str | list[str] = "SN9", **given: Any) -> list[str]:
        return [found.code for found in self.report(subject, select, **given).findings]


@pytest.fixture
def lab(digits: Any) -> SanityLab:
    return SanityLab(digits)
