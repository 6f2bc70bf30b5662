"""SN903, SN906 and SN908: ranges, the order of the data, and what the loss reaches."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from steadynorm.finding import Severity


def autoencoder(last: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1), last)


@pytest.mark.parametrize(
    ("last", "scale", "offset", "severity"),
    [
        (nn.Sigmoid(), 2.0, -1.0, Severity.ERROR),
        (nn.Sigmoid(), 255.0, 0.0, Severity.ERROR),
        (nn.Tanh(), 1.0, 0.0, Severity.WARNING),
        (nn.Sigmoid(), 1.0, 0.0, None),
        (nn.Tanh(), 2.0, -1.0, None),
        (nn.Identity(), 255.0, 0.0, None),
        (nn.ReLU(), 255.0, 0.0, None),
    ],
)
def test_targets_against_the_bounds_of_the_output(
    lab: Any, last: nn.Module, scale: float, offset: float, severity: Severity | None
) -> None:
    data = [(x, x * scale + offset) for x, _ in lab.digits.train]
    subject = lab.subject(autoencoder(last), train_data=data, loss=nn.MSELoss(), train_step=None, optimizer=None)

    assert [found.severity for found in lab.report(subject, "SN903").findings] == ([severity] if severity else [])


def loader(lab: Any, *, in_order: bool, shuffle: bool) -> DataLoader[Any]:
    x, y = (torch.cat(each) for each in zip(*lab.digits.train, strict=True))
    order = torch.argsort(y, stable=True) if in_order else torch.arange(len(y))
    generator = torch.Generator().manual_seed(0)
    return DataLoader(TensorDataset(x[order], y[order]), batch_size=64, shuffle=shuffle, generator=generator)


@pytest.mark.parametrize(
    ("in_order", "shuffle", "sequential", "expected"),
    [
        (True, False, False, ["SN906"]),
        (True, True, False, []),
        (False, False, False, []),
        (True, False, True, []),
    ],
    ids=["sorted", "sorted and shuffled", "mixed", "sorted on purpose"],
)
def test_order_of_the_data(lab: Any, in_order: bool, shuffle: bool, sequential: bool, expected: list[str]) -> None:
    subject = lab.subject(lab.net(), train_data=loader(lab, in_order=in_order, shuffle=shuffle))

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


@pytest.mark.parametrize(
    ("how", "parameters", "severity"),
    [
        ("detached", ["body.weight", "body.bias"], Severity.ERROR),
        ("unused", ["extra.weight", "extra.bias"], Severity.WARNING),
        ("connected", None, None),
    ],
)
def test_parameters_without_gradient(
    lab: Any, how: str, parameters: list[str] | None, severity: Severity | None
) -> None:
    found = lab.report(lab.subject(Network(how)), "SN908").findings

    assert [each.evidence["parameters"] for each in found] == ([] if parameters is None else [parameters])
    assert [each.severity for each in found] == ([] if severity is None else [severity])


def test_frozen_parameters_need_no_gradient(lab: Any) -> None:
    model = Network("detached")
    model.body.requires_grad_(False)

    assert lab.codes(lab.subject(model), "SN908") == []


@pytest.mark.parametrize(("squeezed", "expected"), [(False, ["SN908"]), (True, [])])
# PyTorch warns of sizes that differ; that is the mistake.
@pytest.mark.filterwarnings("ignore:Using a target size")
def test_broadcasting_between_predictions_and_targets(lab: Any, squeezed: bool, expected: list[str]) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 1), *[nn.Flatten(0)] * squeezed)
    data = [(x, y.float()) for x, y in lab.digits.train]
    subject = lab.subject(model, train_data=data, loss=nn.MSELoss(), train_step=None, optimizer=None)

    found = lab.report(subject, "SN908").findings

    assert [each.code for each in found] == expected
    assert all(each.evidence["output_shape"] == [64, 1] for each in found)
