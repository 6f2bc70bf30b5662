"""SN903, SN906 and SN908: ranges, the order of the data, and what the loss reaches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import steadynorm

TABLE = json.loads((Path(__file__).parents[2] / "data" / "sanity.json").read_text())


def autoencoder(last: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1), last)


LAST = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "linear": nn.Identity, "relu": nn.ReLU}


@pytest.mark.parametrize(("last", "scale", "offset", "severity"), TABLE["ranges"])
def test_targets_against_the_bounds_of_the_output(
    lab: Any, last: str, scale: float, offset: float, severity: str | None
) -> None:
    data = [(x, x * scale + offset) for x, _ in lab.digits.train]
    subject = lab.subject(
        autoencoder(LAST[last]()), train_data=data, loss=nn.MSELoss(), train_step=None, optimizer=None
    )

    assert [found.severity for found in lab.report(subject, "SN903").findings] == ([severity] if severity else [])


@pytest.mark.parametrize(("marker", "is_masked", "expected"), TABLE["masks"])
def test_targets_that_the_loss_ignores_are_out_of_no_range(
    lab: Any, marker: float, is_masked: bool, expected: list[str]
) -> None:
    """Masks of what is bright, with a border that nobody has labelled; the first batch has none."""

    def loss(output: Tensor, target: Tensor) -> Tensor:
        errors = (output - target).square()
        return errors[target != marker].mean() if is_masked else errors.mean()

    data = [(x, (x > 0.5).float()) for x, _ in lab.digits.train]
    for _, y in data[1:]:
        y[..., 0] = marker
    subject = lab.subject(autoencoder(nn.Sigmoid()), train_data=data, loss=loss, train_step=None, optimizer=None)

    assert lab.codes(subject, "SN903") == expected


def loader(lab: Any, *, in_order: bool, shuffle: bool) -> DataLoader[Any]:
    x, y = (torch.cat(each) for each in zip(*lab.digits.train, strict=True))
    order = torch.argsort(y, stable=True) if in_order else torch.arange(len(y))
    generator = torch.Generator().manual_seed(0)
    return DataLoader(TensorDataset(x[order], y[order]), batch_size=64, shuffle=shuffle, generator=generator)


@pytest.mark.parametrize(
    ("how", "shuffle", "sequential", "expected"),
    [*([how, False, *rest] for how, *rest in TABLE["order"]), ("sorted", True, False, [])],
)
def test_order_of_the_data(lab: Any, how: str, shuffle: bool, sequential: bool, expected: list[str]) -> None:
    subject = lab.subject(lab.net(), train_data=loader(lab, in_order=how == "sorted", shuffle=shuffle))

    assert lab.codes(subject, "SN906", sequential=sequential) == expected


class Network(nn.Module):
    """A body, a head, and a second head that is used as told."""

    def __init__(self, how: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.how = how
        self.body, self.head, self.extra = nn.Linear(64, 32), nn.Linear(32, 10), nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.body(x.flatten(1)))
        if self.how == "detached":
            h = h.detach()
        if self.how == "unused":
            return self.head(h)
        return self.head(h) + self.extra(h)


@pytest.mark.parametrize(("how", "layers", "severity"), TABLE["connections"])
def test_parameters_without_gradient(lab: Any, how: str, layers: list[str], severity: str | None) -> None:
    found = lab.report(lab.subject(Network(how)), "SN908").findings

    names = [f"{layer}.{name}" for layer in layers for name in ("weight", "bias")]
    assert [each.evidence["parameters"] for each in found] == ([names] if names else [])
    assert [each.severity for each in found] == ([severity] if severity else [])


def test_frozen_parameters_need_no_gradient(lab: Any) -> None:
    model = Network("detached")
    model.body.requires_grad_(False)

    assert lab.codes(lab.subject(model), "SN908") == []


@pytest.mark.parametrize(("shape", "expected"), TABLE["broadcasting"])
# PyTorch warns of sizes that differ; that is the mistake.
@pytest.mark.filterwarnings("ignore:Using a target size")
def test_broadcasting_between_predictions_and_targets(lab: Any, shape: str, expected: list[str]) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 1), *[nn.Flatten(0)] * (shape == "squeezed"))
    data = [(x, y.float()) for x, y in lab.digits.train]
    subject = lab.subject(model, train_data=data, loss=nn.MSELoss(), train_step=None, optimizer=None)

    found = lab.report(subject, "SN908").findings

    assert [each.code for each in found] == expected
    assert all(each.evidence["output_shape"] == [64, 1] for each in found)


def squared(output: Tensor, target: Tensor) -> Tensor:
    return (output - target).square().mean()


def partial_likelihood(output: Tensor, target: Tensor) -> Tensor:
    """Cox's: each risk is compared with those of everyone who lived longer."""
    order = torch.argsort(target.reshape(len(output), -1)[:, 0], descending=True)
    risks = output[order, 0]
    return (torch.logcumsumexp(risks, 0) - risks).mean()


def contrastive(output: Tensor, target: Tensor) -> Tensor:
    return nn.functional.cross_entropy(output @ target[:, : output.shape[1]].T, torch.arange(len(output)))


@pytest.mark.parametrize(
    ("loss", "width", "targets", "expected"),
    [
        (squared, 1, lambda y: y, ["SN908"]),  # whole numbers: a count that is regressed
        (squared, 1, lambda y: y[:, None], []),
        (partial_likelihood, 1, lambda y: torch.stack([y.float(), torch.ones(len(y))], 1), []),
        (partial_likelihood, 1, lambda y: y.float(), []),
        (contrastive, 16, lambda y: torch.sin(torch.arange(24) * y[:, None].float()), []),
    ],
    ids=["counts", "counts in a column", "Cox", "Cox without events", "contrastive"],
)
def test_losses_that_couple_samples_on_purpose_broadcast_nothing(
    lab: Any, loss: Any, width: int, targets: Any, expected: list[str]
) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, width))
    data = [(x, targets(y)) for x, y in lab.digits.train]
    subject = lab.subject(model, train_data=data, loss=loss, train_step=None, optimizer=None)

    assert lab.codes(subject, "SN908") == expected


def test_targets_that_are_positive_in_one_batch_alone_need_all_of_a_tanh(lab: Any) -> None:
    data = [(x, x * 2 - 1 if at else x) for at, (x, _) in enumerate(lab.digits.train)]
    given = {"loss": nn.MSELoss(), "train_step": None, "optimizer": None}

    assert lab.codes(lab.subject(autoencoder(nn.Tanh()), train_data=data, **given), "SN903") == []
    assert lab.codes(lab.subject(autoencoder(nn.Tanh()), train_data=data[:1], **given), "SN903") == ["SN903"]


class Experts(nn.Module):
    """Each sample goes to the expert for its brightness; nothing goes to the third."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.experts = nn.ModuleList(nn.Linear(64, 10) for _ in range(count))

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        chosen = int(x.mean() > 0.25)
        return self.experts[chosen](x)


@pytest.mark.parametrize(("count", "idle"), [(2, []), (3, [["experts.2.weight", "experts.2.bias"]])])
def test_layers_that_a_later_batch_calls_are_called(lab: Any, count: int, idle: list[list[str]]) -> None:
    dark, bright = (torch.full((64, 1, 8, 8), level) for level in (0.0, 0.5))
    data = [(dark, torch.zeros(64, dtype=torch.long)), (bright, torch.zeros(64, dtype=torch.long))]
    subject = lab.subject(Experts(count), train_data=data, train_step=None, optimizer=None)

    assert [each.evidence["parameters"] for each in lab.report(subject, "SN908").findings] == idle


def test_a_loss_of_classes_that_were_chosen_reaches_nothing(lab: Any) -> None:
    """Its train step raises, which is no reason to stop."""

    def wrong(output: Tensor, target: Tensor) -> Tensor:
        return (output.argmax(1) != target).float().mean()

    def step(model: nn.Module, optimizer: Any, batch: Any) -> None:
        optimizer.zero_grad()
        wrong(model(batch[0]), batch[1]).backward()

    report = lab.report(lab.subject(Network("connected"), loss=wrong, train_step=step))

    (found,) = report.findings
    assert (found.code, len(found.layers)) == ("SN908", 6)
    assert {each.code: each.reason for each in report.not_assessed}["SN902"].startswith("no gradient comes")


def test_other_checks_are_those_of_another_command(lab: Any) -> None:
    report = lab.report(lab.subject(lab.net(), train_step=None, optimizer=None), "SN101")

    assert ["steadynorm diagnose" in each.reason for each in report.not_assessed] == [True]


def test_what_takes_a_loss_is_not_assessed_without_one(lab: Any) -> None:
    report = lab.report(lab.subject(lab.net(), loss=None), ["SN903", "SN907", "SN908"])

    assert not report.findings
    assert {each.code: each.reason for each in report.not_assessed} == dict.fromkeys(
        ("SN903", "SN907", "SN908"), "no loss was given"
    )


def test_a_model_and_its_data_are_taken_without_a_subject(lab: Any) -> None:
    sorted_by_label = sorted(torch.cat([y for _, y in lab.digits.train]).tolist())
    ordered = [(torch.rand(64, 1, 8, 8), labels) for labels in torch.tensor(sorted_by_label).split(64)]

    report = steadynorm.sanity(lab.net(), ordered, loss=lab.loss, select="SN906", progress=False)

    assert [found.code for found in report.findings] == ["SN906"]
    with pytest.raises(TypeError, match="needs train_data, or a Subject"):
        steadynorm.sanity(lab.net())
