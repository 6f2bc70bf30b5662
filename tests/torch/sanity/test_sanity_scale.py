"""SN905 and SN907: scales before training, broken beside healthy."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from steadynorm.errors import UnusableInputError
from steadynorm.finding import Severity

TABLE = json.loads((Path(__file__).parents[2] / "data" / "sanity.json").read_text())


def plain(activation: type[nn.Module], depth: int, width: int = 64) -> nn.Sequential:
    torch.manual_seed(0)
    layers: list[nn.Module] = [nn.Flatten()]
    for _ in range(depth):
        layers += [nn.Linear(width, width), activation()]
    return nn.Sequential(*layers, nn.Linear(width, 10))


def normal(model: nn.Module, deviation: float) -> nn.Module:
    torch.manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            nn.init.normal_(module.weight, 0.0, deviation)
    return model


def he(model: nn.Module) -> nn.Module:
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    return model


@pytest.mark.parametrize("deviation", TABLE["deviations"])
def test_plain_normal_weights_of_the_wrong_scale(lab: Any, deviation: float) -> None:
    report = lab.report(lab.subject(normal(plain(nn.ReLU, 3), deviation)), "SN905")

    found = report.findings[0]
    assert "wrong scale" in found.message
    assert set(found.layers) == {"1.weight", "3.weight", "5.weight", "7.weight"}


@pytest.mark.parametrize("make", [lambda net: net, he], ids=["PyTorch's own", "He's"])
def test_usual_initializers_are_right(lab: Any, make: Any) -> None:
    assert lab.codes(lab.subject(make(plain(nn.ReLU, 3))), "SN905") == []
    assert lab.codes(lab.subject(make(lab.net())), "SN905") == []


@pytest.mark.parametrize(("factor", "expected"), TABLE["first_loss"])
def test_a_first_loss_far_from_chance_is_named(lab: Any, factor: float, expected: bool) -> None:
    model = plain(nn.ReLU, 2)
    with torch.no_grad():
        model[-1].weight.mul_(factor)

    messages = [found.message for found in lab.report(lab.subject(model), "SN905").findings]

    assert any(f"chance gives ln(10) = {math.log(10):.3g}" in message for message in messages) == expected


@pytest.mark.parametrize(("factor", "expected"), TABLE["first_loss"])
def test_logarithms_of_probabilities_have_the_same_chance(lab: Any, factor: float, expected: bool) -> None:
    model = plain(nn.ReLU, 2)
    with torch.no_grad():
        model[-1].weight.mul_(factor)
    model.append(nn.LogSoftmax(1))
    subject = lab.subject(model, loss=nn.NLLLoss(), train_step=None, optimizer=None)

    messages = [found.message for found in lab.report(subject, "SN905").findings]

    assert any("chance gives ln(10)" in message for message in messages) == expected


def test_a_trained_model_is_not_judged_by_its_scale(lab: Any) -> None:
    model = normal(lab.net(), 2.0)
    subject = lab.subject(model)
    assert set(lab.codes(subject, "SN905")) == {"SN905"}
    lab.train_step(model, subject.optimizer, lab.digits.train[0])

    assert lab.codes(subject, "SN905") == []


@pytest.mark.parametrize(("activation", "expected"), TABLE["gradients"])
def test_gradients_vanish_through_sigmoids_and_not_through_relus(lab: Any, activation: str, expected: bool) -> None:
    model = plain(nn.Sigmoid, 12) if activation == "sigmoid" else he(plain(nn.ReLU, 12))

    found = lab.report(lab.subject(model), "SN905").findings

    assert ["gradients vanish" in each.message for each in found] == [True] * expected


def test_a_branch_that_begins_at_zero_is_no_vanishing_gradient(lab: Any) -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.outer = nn.Linear(64, 64), nn.Linear(64, 64)
            nn.init.zeros_(self.outer.weight)

        def forward(self, x: Tensor) -> Tensor:
            return x + self.outer(torch.relu(self.inner(x)))

    torch.manual_seed(0)
    residual = nn.Sequential(nn.Flatten(), *[Block() for _ in range(6)], nn.Linear(64, 10))

    assert lab.codes(lab.subject(residual), "SN905") == []


def test_a_training_that_leaves_the_finite_numbers(lab: Any) -> None:
    def logarithm(output: Tensor, target: Tensor) -> Tensor:
        return -torch.log(torch.relu(output.gather(1, target[:, None]))).mean()

    def step(model: nn.Module, optimizer: Any, batch: Any) -> Tensor:
        optimizer.zero_grad()
        loss = logarithm(model(batch[0]), batch[1])
        loss.backward()
        optimizer.step()
        return loss

    found = lab.report(lab.subject(lab.net(), train_step=step), "SN905").findings

    assert [(each.evidence, each.severity) for each in found] == [({"step": 1}, Severity.ERROR)]


@pytest.mark.parametrize(("weight", "expected"), TABLE["terms"])
def test_terms_of_a_loss(lab: Any, weight: float, expected: list[str]) -> None:
    def loss(output: Tensor, target: Tensor) -> dict[str, Tensor]:
        return {"class": lab.loss(output, target), "size": weight * output.square().mean()}

    report = lab.report(lab.subject(lab.net(), loss=loss, train_step=None, optimizer=None), "SN907")

    assert [found.code for found in report.findings] == expected
    assert set(report.evidence.experiments.first.terms) == {"class", "size"}


@pytest.mark.parametrize("deviation", [None, 2.0])
def test_targets_of_the_outputs_shape_leave_the_weights_as_they_are(lab: Any, deviation: float | None) -> None:
    """The range of the outputs is looked for before the weights are measured; `None` is PyTorch's own deviation."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
    if deviation is not None:
        normal(model, deviation)
    data = [(x, x.mean((2, 3))) for x, _ in lab.digits.train]
    subject = lab.subject(model, train_data=data, loss=nn.MSELoss(), train_step=None, optimizer=None)

    report = lab.report(subject, "SN905")

    first = report.evidence.experiments.first
    assert first.outputs is not None
    assert {each.name: each.deviation for each in first.weights} == {
        "1.weight": pytest.approx(float(model[1].weight.detach().std())),
        "3.weight": pytest.approx(float(model[3].weight.detach().std())),
    }
    assert [found.code for found in report.findings] == ["SN905"] * (deviation is not None)


class Sines(nn.Module):
    """sin(30 (Wx + b)), whose weights begin with a thirtieth of the usual scale (Sitzmann et al., 2020)."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.head = nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 10)
        nn.init.uniform_(self.first.weight, -1 / 64, 1 / 64)
        bound = math.sqrt(6 / 64) / 30
        nn.init.uniform_(self.second.weight, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.sin(30 * self.second(torch.sin(30 * self.first(x.flatten(1))))))


def test_weights_before_fast_sines_are_small_on_purpose(lab: Any) -> None:
    assert lab.codes(lab.subject(Sines()), "SN905") == []


def test_a_first_loss_that_is_no_number_needs_no_step(lab: Any) -> None:
    def loss(output: Tensor, target: Tensor) -> Tensor:
        return torch.log(output.mean() - 100.0 + 0 * target[0])

    (found,) = lab.report(lab.subject(lab.net(), loss=loss, train_step=None, optimizer=None), "SN905").findings

    assert (found.severity, "the first loss is nan" in found.message) == (Severity.ERROR, True)


def test_the_cause_stands_before_what_follows_from_it(lab: Any) -> None:
    codes = lab.codes(lab.subject(plain(nn.Sigmoid, 12)), ["SN905", "SN902"])

    assert codes == ["SN905", "SN902"]


@pytest.mark.parametrize("seconds", [math.nan, math.inf, 0.0, -1.0])
def test_a_time_that_is_none_is_refused(lab: Any, seconds: float) -> None:
    with pytest.raises(UnusableInputError, match=f"seconds={seconds:g}: expected"):
        lab.report(lab.subject(lab.net()), seconds=seconds)
