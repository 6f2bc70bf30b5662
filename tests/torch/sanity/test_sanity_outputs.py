"""SN902 on networks whose outputs are nests, probabilities or far from zero, and on losses with no end of their own."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from steadynorm.experiments.records import Outcome, Task
from steadynorm.finding import Certainty


def head(*last: nn.Module, outputs: int = 10) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, outputs), *last)


class Times(nn.Module):
    """Lets its input pass, or nothing of it."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


class Nested(nn.Module):
    """Class and brightness in a nest; a broken one does not see its input."""

    def __init__(self, form: str, broken: bool) -> None:
        super().__init__()
        self.form, self.broken = form, broken
        self.label, self.size = head(), head(outputs=1)

    def forward(self, x: Tensor) -> Any:
        x = x * 0 if self.broken else x
        label, size = self.label(x), self.size(x)
        if self.form == "dict":
            return OrderedDict(label=label, sizes=[size])
        return label, (size,)


def of_nest(output: Any, target: Tensor) -> dict[str, Tensor]:
    label, (size,) = output.values() if isinstance(output, dict) else output
    return {"label": functional.cross_entropy(label, target), "size": functional.mse_loss(size[:, 0], target.float())}


@pytest.mark.parametrize("form", ["dict", "tuple"])
@pytest.mark.parametrize(("broken", "expected"), [(True, [Certainty.LIKELY]), (False, [])])
def test_nested_outputs(lab: Any, form: str, broken: bool, expected: list[Certainty]) -> None:
    subject = lab.subject(Nested(form, broken), loss=of_nest, train_step=None, optimizer=None)

    report = lab.report(subject, "SN902")

    assert [found.certainty for found in report.findings] == expected
    assert not report.not_assessed
    assert report.evidence.experiments.of(Task.ONE_BATCH)[0].floor == pytest.approx(0.0, abs=0.05)


def logarithms(output: Tensor, target: Tensor) -> Tensor:
    return functional.nll_loss(output, target)


def binary(output: Tensor, target: Tensor) -> Tensor:
    return functional.binary_cross_entropy(output, functional.one_hot(target, 10).float())


@pytest.mark.parametrize(
    ("last", "loss"), [(nn.LogSoftmax(1), logarithms), (nn.Sigmoid(), binary)], ids=["log-softmax", "sigmoid"]
)
@pytest.mark.parametrize(("seen", "expected"), [(0.0, ["SN902"]), (1.0, [])])
def test_outputs_that_are_probabilities(lab: Any, last: nn.Module, loss: Any, seen: float, expected: list[str]) -> None:
    subject = lab.subject(nn.Sequential(Times(seen), head(last)), loss=loss, train_step=None, optimizer=None)

    report = lab.report(subject, "SN902")

    assert [found.code for found in report.findings] == expected
    assert report.evidence.experiments.of(Task.ONE_BATCH)[0].floor == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize(("last", "expected"), [([nn.Softmax(1)], ["SN902"]), ([], [])], ids=["twice", "once"])
def test_a_softmax_too_much_keeps_the_loss_up(lab: Any, last: list[nn.Module], expected: list[str]) -> None:
    """Of ten classes the smallest cross-entropy of probabilities as logits is ln(1 + 9/e) = 1.46."""
    subject = lab.subject(head(*last), train_step=None, optimizer=None)

    assert lab.codes(subject, "SN902") == expected


@pytest.mark.parametrize(("seen", "expected"), [(0.0, ["SN902"]), (1.0, [])])
def test_targets_far_from_zero_have_a_floor_at_zero(lab: Any, seen: float, expected: list[str]) -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = head(outputs=1)

        def forward(self, x: Tensor) -> Tensor:
            return 2e5 + 1e5 * self.inner(x * seen)

    data = [(x, 2e5 + 5e4 * x.mean((2, 3)) * torch.sign(x[:, :, 3, 3] - 0.5)) for x, _ in lab.digits.train]
    subject = lab.subject(Scaled(), train_data=data, loss=nn.L1Loss(), train_step=None, optimizer=None)

    report = lab.report(subject, "SN902")

    assert [found.code for found in report.findings] == expected
    assert report.evidence.experiments.of(Task.ONE_BATCH)[0].floor == pytest.approx(0.0, abs=1.0)
    assert all("e+04 to" not in found.message or "e+04 and" in found.message for found in report.findings)


def cosine(output: Tensor, target: Tensor) -> Tensor:
    return -functional.cosine_similarity(output, functional.one_hot(target, 10).float()).mean()


def unbounded(output: Tensor, target: Tensor) -> Tensor:
    return -output.gather(1, target[:, None]).mean()


def without_a_number(output: Tensor, target: Tensor) -> Tensor:
    return functional.cross_entropy(output, target) * float("nan")


@pytest.mark.parametrize(
    ("loss", "reason"),
    [
        (nn.CrossEntropyLoss(), None),
        (cosine, "the loss falls below zero"),
        (unbounded, "the loss falls below zero"),
        (without_a_number, "the loss is not a finite number before the first step"),
    ],
    ids=["falls to 0", "falls to -1", "falls for ever", "NaN"],
)
def test_the_reason_is_the_true_one(lab: Any, loss: Any, reason: str | None) -> None:
    report = lab.report(lab.subject(head(), loss=loss, train_step=None, optimizer=None), "SN902")

    assert not report.findings
    assert [each.reason[: len(reason or "")] for each in report.not_assessed] == ([reason] if reason else [])
    if reason is None:
        assert report.evidence.experiments.of(Task.ONE_BATCH)[0].outcome is Outcome.FITTED


class Noisy(nn.Module):
    """A network that sees next to nothing, and adds random numbers of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = head()

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(torch.randn_like(x))


def test_a_model_that_draws_random_numbers_is_not_judged_by_its_loss(lab: Any) -> None:
    report = lab.report(lab.subject(Noisy(), train_step=None, optimizer=None), "SN902")

    assert not report.findings
    assert "draws random numbers" in report.not_assessed[0].reason


class Adversaries(nn.Module):
    """A generator and what judges it, in one."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.maker = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 64))
        self.judge = nn.Sequential(nn.Linear(64, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.judge(self.maker(x))


def believed(output: Tensor, _: Any) -> Tensor:
    return functional.softplus(-output).mean()


def against_each_other(model: nn.Module, optimizers: Any, batch: Any) -> None:
    for optimizer, sign in zip(optimizers, (1, -1), strict=True):
        optimizer.zero_grad()
        output = model(batch[0])
        (functional.softplus(-sign * output).mean()).backward()
        optimizer.step()


def test_optimizers_that_work_against_each_other_leave_a_doubt(lab: Any) -> None:
    model = Adversaries()
    optimizers = tuple(torch.optim.Adam(part.parameters(), 1e-3) for part in (model.maker, model.judge))
    subject = lab.subject(model, loss=believed, train_step=against_each_other, optimizer=optimizers)

    findings = lab.report(subject, "SN902").findings

    assert all(each.certainty is Certainty.LIKELY and "GAN" in each.settle for each in findings)
