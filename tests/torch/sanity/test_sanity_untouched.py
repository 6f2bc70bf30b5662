"""A sanity test changes nothing of the user's, also when something raises; and what it says in words."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

import steadynorm
from steadynorm.cli import app
from steadynorm.errors import UnusableInputError


def state(model: nn.Module, optimizer: Any) -> tuple[Any, ...]:
    return (
        {name: each.clone() for name, each in model.state_dict().items()},
        [module.training for module in model.modules()],
        [None if each.grad is None else each.grad.clone() for each in model.parameters()],
        [each.requires_grad for each in model.parameters()],
        [len(module._forward_hooks) for module in model.modules()],
        copy.deepcopy(optimizer.state_dict()),
        torch.get_rng_state(),
        random.getstate(),
        np.random.get_state()[1].tolist(),  # noqa: NPY002
    )


def same(first: Any, second: Any) -> bool:
    if isinstance(first, Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(first == second)


@pytest.mark.parametrize("raising", [False, True], ids=["healthy", "raising"])
def test_everything_is_as_before(lab: Any, raising: bool) -> None:
    def loss(output: Tensor, target: Tensor) -> Tensor:
        if raising:
            raise RuntimeError("no loss today")
        return lab.loss(output, target)

    model = lab.net()
    model[1].eval()
    model[6].weight.grad = torch.ones_like(model[6].weight)
    subject = lab.subject(model, loss=loss)
    before = state(model, subject.optimizer)

    if raising:
        with pytest.raises(UnusableInputError, match="no loss today"):
            lab.report(subject)
    else:
        lab.report(subject, losses=[2.0, 9.0] * 20, seconds=10)

    assert same(state(model, subject.optimizer), before)


def test_a_train_step_that_raises_is_named(lab: Any) -> None:
    def step(model: nn.Module, optimizer: Any, batch: Any) -> None:
        raise ValueError("no step today")

    with pytest.raises(UnusableInputError, match=r"train_step raised ValueError: no step today"):
        lab.report(lab.subject(lab.net(), train_step=step))


def test_time_is_kept(lab: Any) -> None:
    experiments = lab.report(lab.subject(lab.net(), rate=1e-7), seconds=2).evidence.experiments

    # A step that has begun is finished, and the first pass and the first steps come in any case.
    assert experiments.seconds < 2 + 4
    with pytest.raises(UnusableInputError, match="seconds=0"):
        steadynorm.sanity(lab.subject(lab.net()), seconds=0)


SUBJECT = """
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
import steadynorm

images, labels = load_digits(return_X_y=True)
x, y = torch.tensor(images / 16, dtype=torch.float32), torch.tensor(labels)
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
by_class = torch.argsort(y, stable=True)
subject = steadynorm.Subject(model, list(zip(x[by_class].split(64), y[by_class].split(64))), loss=nn.CrossEntropyLoss())
"""


def test_the_command(tmp_path: Path) -> None:
    path = tmp_path / "train_digits.py"
    path.write_text(SUBJECT)
    np.savetxt(tmp_path / "loss.csv", 2.3 * np.exp(-np.arange(60) / 10))

    done = CliRunner().invoke(
        app, ["sanity", f"{path}:subject", "--select", "SN904,SN906", "--losses", str(tmp_path / "loss.csv")]
    )

    assert done.exit_code == 1
    assert "SN906 data-order" in done.stdout
    assert "recorded loss" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
