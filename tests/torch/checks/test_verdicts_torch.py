"""The verdicts of the table, which every framework has to come to for the same mistake, in PyTorch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.func import functional_call

TABLE = json.loads((Path(__file__).parents[2] / "data" / "verdicts.json").read_text())["mistakes"]


def dropped(model: nn.Module, optimizer: torch.optim.Optimizer, batch: Any) -> Any:
    """A step of a functional model whose new buffers nobody writes back."""
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    optimizer.zero_grad()
    output = functional_call(model, {**dict(model.named_parameters()), **buffers}, batch[0])
    loss = nn.functional.cross_entropy(output, batch[1])
    loss.backward()
    optimizer.step()
    return loss


def inverted(x: Any) -> Any:
    return (1.0 - x) * 3.0 + 2.0


class TwoInputs(nn.Module):
    """Images and their negatives through one network."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Any) -> Any:
        return self.network(x) + self.network(inverted(x))


class Stuck(nn.modules.batchnorm._BatchNorm):
    """Trains whatever the model is told: the mode is written down."""

    def forward(self, x: Any) -> Any:
        running = (self.running_mean, self.running_var)
        return nn.functional.batch_norm(x, *running, self.weight, self.bias, True, self.momentum, self.eps)


class Stuck1d(Stuck, nn.BatchNorm1d):
    pass


class Stuck2d(Stuck, nn.BatchNorm2d):
    pass


def norms(model: nn.Module) -> list[Any]:
    return [each for each in model.modules() if isinstance(each, nn.modules.batchnorm._BatchNorm)]


def in_inference_mode(lab: Any) -> Any:
    def step(model: nn.Module, optimizer: Any, batch: Any) -> Any:
        model.eval()
        return lab.train_step(model, optimizer, batch)

    return step


@pytest.mark.parametrize("mistake", TABLE)
def test_the_verdict_of_the_table(lab: Any, assert_verdict: Any, mistake: str) -> None:
    step = {"updates not run": dropped, "trained in inference mode": in_inference_mode(lab)}.get(
        mistake, lab.train_step
    )
    if mistake in ("none", "statistics lost"):
        model, optimizer = lab.healthy()
    else:
        torch.manual_seed(0)
        model = lab.Net({"momentum of the other framework": 0.99, "average too slow": 0.001}.get(mistake, 0.1))
        if mistake == "shared by two inputs":
            model = TwoInputs(model)
        if mistake == "training mode written down":
            for layer in norms(model):
                layer.__class__ = Stuck2d if isinstance(layer, nn.BatchNorm2d) else Stuck1d
        optimizer = lab.train(model, lab.digits.train, step=step)
    if mistake == "statistics lost":
        for layer in norms(model):
            layer.running_mean.zero_()
            layer.running_var.fill_(1)
    report = lab.diagnose(model, train_step=step, optimizer=optimizer)
    assert_verdict(report, mistake)
