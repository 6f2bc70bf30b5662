"""A small network that is trained, saved in files, and checked in them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from steadynorm.artifacts.contents import Contents
from steadynorm.artifacts.evidence import evidence_of
from steadynorm.artifacts.formats import read
from steadynorm.checks.registry import run
from steadynorm.finding import Finding, Severity


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 8))
        self.bn = nn.BatchNorm1d(8)
        self.head = nn.Linear(8, 2)

    def forward(self, x: Any) -> Any:
        return self.head(torch.relu(self.bn(self.body(x))))


class Lab:
    """What the tests need: the network, its training, and a check of the files that come of it.

    Arguments:
        folder: where the files are.
    """

    Net = Net
    steps = 120

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def batch(self, number: int, shift: float = 0.0) -> tuple[Any, Any]:
        random = torch.Generator().manual_seed(number)
        x = 3 * torch.randn(64, 6, generator=random) + 2 + shift
        return x, (x[:, 0] > 2 + shift).long()

    def train(
        self,
        model: Any,
        steps: int = steps,
        *,
        optimizer: Any = None,
        shift: float = 0.0,
        prepare: Callable[[Any], object] = lambda model: model.train(),
        each: Callable[[Any, int], object] = lambda model, step: None,
    ) -> Any:
        """Trains; `prepare` sets the modes."""
        optimizer = optimizer or torch.optim.Adam([each for each in model.parameters() if each.requires_grad], 1e-2)
        prepare(model)
        for step in range(steps):
            each(model, step)
            x, y = self.batch(step, shift)
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
        return optimizer

    def state(self, model: Any) -> dict[str, Any]:
        """A copy that later training does not change."""
        return copy.deepcopy(model.state_dict())

    def check(self, now: Any, before: Any = None, ranks: tuple[Any, ...] = ()) -> list[Finding]:
        """Saves a checkpoint (and one before it, and other ranks), and checks the files."""
        evidence = evidence_of(
            self._saved(now, "now"),
            before=None if before is None else self._saved(before, "before"),
            ranks={f"rank{number}": self._saved(other, f"rank{number}") for number, other in enumerate(ranks, 1)},
        )
        return run(evidence)[0]

    def codes(self, findings: list[Finding], least: Severity = Severity.WARNING) -> list[str]:
        return [each.code for each in findings if each.severity.rank >= least.rank]

    def only(self, findings: list[Finding], code: str) -> Finding:
        """The one finding that is no mere information, which has this code."""
        assert self.codes(findings) == [code], findings
        return next(each for each in findings if each.code == code)

    def _saved(self, value: Any, name: str) -> Contents:
        path = self._folder / f"{name}.pt"
        torch.save(value, path)
        return read(path)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


@pytest.fixture
def fresh() -> Net:
    torch.manual_seed(0)
    return Net()


@pytest.fixture
def trained(fresh: Net, lab: Lab) -> Net:
    lab.train(fresh)
    return fresh
