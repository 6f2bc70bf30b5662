"""SN2 on a live model: every broken example next to its healthy twin, on the digits."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn


def evaluate_in_pairs(train: bool) -> Any:
    """An evaluation in batches of two, in training or in inference mode."""

    def evaluate(model: nn.Module, batches: Any) -> float:
        model.train(train)
        right = total = 0
        with torch.no_grad():
            for x, y in batches:
                for at in range(0, len(x) - len(x) % 2, 2):
                    right += int((model(x[at : at + 2]).argmax(1) == y[at : at + 2]).sum())
                    total += 2
        return right / total

    return evaluate


@pytest.mark.parametrize("train", [True, False])
def test_sn201_evaluation_in_training_mode(lab: Any, train: bool) -> None:
    model, optimizer = lab.healthy()
    report = lab.diagnose(model, train_step=lab.train_step, optimizer=optimizer, evaluate=evaluate_in_pairs(train))
    if not train:
        lab.assert_healthy(report)
        return
    found = lab.assert_first(report, "SN201")
    assert found.layers == ("norm", "inner_norm", "hidden_norm")
    assert found.effect.before == pytest.approx(evaluate_in_pairs(True)(lab.healthy()[0], lab.digits.validation))
    assert found.effect.after > 0.95
    assert found.effect.share == pytest.approx(1.0)


@pytest.mark.parametrize("unit", [100.0, -1.0], ids=["percent", "other number"])
def test_sn201_an_evaluation_in_other_units_is_not_compared_with_the_metric(lab: Any, unit: float) -> None:
    model, _ = lab.healthy()
    report = lab.diagnose(model, evaluate=lambda model, batches: unit * evaluate_in_pairs(True)(model, batches))
    found = next(each for each in report.findings if each.code == "SN201")
    assert found.effect is None


class AlwaysBatch(nn.BatchNorm2d):
    """A layer that ignores eval()."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, True, self.momentum, self.eps
        )


class Renamed(nn.BatchNorm2d):
    """The healthy twin: a subclass that honours the mode."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, self.training, self.momentum, self.eps
        )


@pytest.mark.parametrize("kind", [AlwaysBatch, Renamed])
def test_sn201_a_layer_that_ignores_eval(lab: Any, kind: type[nn.BatchNorm2d]) -> None:
    model, _ = lab.healthy()
    layer = kind(16)
    layer.load_state_dict(model.inner_norm.state_dict())
    model.inner_norm = layer
    report = lab.diagnose(model)
    if kind is Renamed:
        lab.assert_healthy(report)
    else:
        assert lab.assert_first(report, "SN201").layers == ("inner_norm",)


def step_in_mode(lab: Any, train: bool) -> Any:
    def step(model: nn.Module, optimizer: torch.optim.Optimizer, batch: Any) -> Tensor:
        model.train(train)
        return lab.train_step(model, optimizer, batch)

    return step


@pytest.mark.parametrize("train", [True, False])
def test_sn202_training_in_inference_mode(lab: Any, train: bool) -> None:
    torch.manual_seed(0)
    model, step = lab.Net(), step_in_mode(lab, train)
    optimizer = lab.train(model, lab.digits.train, step=step)
    report = lab.diagnose(model, train_step=step, optimizer=optimizer)
    if train:
        lab.assert_healthy(report)
    else:
        assert lab.assert_first(report, "SN202").layers == ("norm", "inner_norm", "hidden_norm")


@pytest.mark.parametrize("healthy_epochs", [0, 1])
def test_sn202_an_eval_that_was_never_undone(lab: Any, healthy_epochs: int) -> None:
    """Handed over in inference mode, as it was trained; the train step itself says nothing about modes."""
    torch.manual_seed(0)
    model = lab.Net()
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for epoch in range(8):
        model.train(epoch < healthy_epochs)
        for batch in lab.digits.train:
            lab.train_step(model, optimizer, batch)
    report = lab.diagnose(model, train_step=lab.train_step, optimizer=optimizer)
    found = lab.assert_first(report, "SN202")
    assert found.evidence["optimizer_steps"] == 8 * len(lab.digits.train)
    assert found.evidence["updates"] == healthy_epochs * len(lab.digits.train)
    assert "worse" in found.remedy
    assert "SN103" not in lab.codes(report)


def test_sn202_one_layer_left_in_inference_mode(lab: Any) -> None:
    torch.manual_seed(0)
    model = lab.Net()
    model.inner_norm.train = lambda mode=True: model.inner_norm  # its mode never changes
    model.inner_norm.training = False
    optimizer = lab.train(model, lab.digits.train)
    model.train()
    report = lab.diagnose(model, train_step=lab.train_step, optimizer=optimizer)
    assert lab.assert_first(report, "SN202").layers == ("inner_norm",)


def test_sn202_is_silent_on_a_deliberate_freeze_with_good_statistics(lab: Any) -> None:
    model, optimizer = lab.healthy()
    report = lab.diagnose(model, train_step=step_in_mode(lab, False), optimizer=optimizer)
    lab.assert_healthy(report)


def one_by_one(train: bool) -> Any:
    def evaluate(model: nn.Module, batches: Any) -> float:
        model.train(train)
        with torch.no_grad():
            answers = [int(model(x[at : at + 1]).argmax()) == int(y[at]) for x, y in batches for at in range(len(x))]
        return sum(answers) / len(answers)

    return evaluate


@pytest.mark.parametrize("train", [True, False])
def test_sn204_evaluation_with_batches_of_one(lab: Any, train: bool) -> None:
    model, _ = lab.healthy()
    report = lab.diagnose(model, evaluate=one_by_one(train))
    if not train:
        lab.assert_healthy(report)
        return
    found = lab.assert_first(report, "SN204")
    assert found.layers == ("hidden_norm",)  # the convolutions' layers have 64 values in one image
    assert "raised an error" in found.message


def test_sn204_a_layer_that_does_not_refuse_one_value(lab: Any) -> None:
    class Lenient(nn.BatchNorm1d):
        def forward(self, x: Tensor) -> Tensor:
            if not self.training:
                return super().forward(x)
            variance, mean = torch.var_mean(x, 0, correction=0)
            return (x - mean) * torch.rsqrt(variance + self.eps) * self.weight + self.bias

    model, _ = lab.healthy()
    layer = Lenient(32)
    layer.load_state_dict(model.hidden_norm.state_dict())
    model.hidden_norm = layer
    found = lab.assert_first(lab.diagnose(model, evaluate=one_by_one(True)), "SN204")
    assert "hidden_norm" in found.layers
    assert found.effect.after > 0.95 > 0.5 > found.effect.before
    lab.assert_healthy(lab.diagnose(model, evaluate=one_by_one(False)))


def test_sn204_in_training(lab: Any) -> None:
    model, optimizer = lab.healthy()
    single = [(x[:1], y[:1]) for x, y in lab.digits.train]
    report = lab.diagnose(model, train_data=single, train_step=lab.train_step, optimizer=optimizer)
    found = lab.assert_first(report, "SN204")
    assert found.layers == ("hidden_norm",)
    assert "train step" in found.message


class Listed(nn.Module):
    """Holds its blocks in a plain list or in a ModuleList."""

    def __init__(self, register: bool) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 16, 3, padding=1, bias=False)
        norms = [nn.BatchNorm2d(16), nn.BatchNorm2d(16)]
        self.norms = nn.ModuleList(norms) if register else norms
        self.second = nn.Conv2d(16, 16, 3, padding=1, bias=False)
        self.head = nn.Linear(16 * 64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norms[0](self.first(x)))
        return self.head(torch.relu(self.norms[1](self.second(x))).flatten(1))


@pytest.mark.parametrize("register", [True, False])
def test_sn208_layers_in_a_plain_list(lab: Any, register: bool) -> None:
    torch.manual_seed(0)
    model = Listed(register)
    optimizer = lab.train(model, lab.digits.train)
    report = lab.diagnose(model, train_step=lab.train_step, optimizer=optimizer, evaluate=lab.evaluate)
    if register:
        lab.assert_healthy(report)
    else:
        assert lab.assert_first(report, "SN208").layers == ("norms[0]", "norms[1]")


def test_sn208_layers_outside_the_model(lab: Any) -> None:
    torch.manual_seed(0)
    outside = nn.BatchNorm2d(16)
    model = lab.Net()
    del model.inner_norm
    object.__setattr__(model, "inner_norm", lambda x: outside(x))
    lab.train(model, lab.digits.train)
    before = {name: value.clone() for name, value in outside.state_dict().items()}
    report = lab.diagnose(model)
    found = lab.assert_first(report, "SN208")
    assert len(found.layers) == 1
    for name, value in outside.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert outside.training
