"""SN5 on a live model: every broken example next to its healthy twin, on the digits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from steadynorm.checks.registry import run
from steadynorm.evidence import Score, Trial


class Plain(nn.Module):
    """A convolution, a layer between, a normalization, an activation, and a linear layer."""

    def __init__(
        self,
        *,
        bias: bool = False,
        between: nn.Module | None = None,
        activation: nn.Module | None = None,
        after: nn.Module | None = None,
        shortcut: bool = False,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 16, 3, padding=1, bias=bias)
        self.between = between or nn.Identity()
        self.norm = nn.BatchNorm2d(16)
        self.activation = activation or nn.ReLU()
        self.head = nn.Linear(16 * 64, 10)
        self.after = after or nn.Identity()
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        y = self.activation(self.norm(self.between(x)))
        return self.after(self.head((y + x if self.shortcut else y).flatten(1)))


def trained(lab: Any, model: nn.Module, **options: Any) -> Any:
    """The report on a model that was trained and is handed over with its train step."""
    optimizer = lab.train(model, lab.digits.train, **options)
    return lab.diagnose(model, train_step=lab.train_step, optimizer=optimizer, evaluate=lab.evaluate)


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"bias": True}, True),
        ({"bias": True, "between": nn.Identity()}, True),
        ({"bias": False}, False),
        ({"bias": True, "between": nn.ReLU()}, False),
        ({"bias": True, "shortcut": True}, False),
    ],
    ids=["bias", "bias behind an identity", "no bias", "relu between", "shortcut needs it"],
)
def test_sn501_bias_before_normalization(lab: Any, options: dict[str, Any], found: bool) -> None:
    torch.manual_seed(0)
    report = trained(lab, Plain(**options))
    lab.assert_healthy(report)  # a superfluous bias is worth knowing, no more
    assert lab.codes(report) == (["SN501"] if found else [])
    if found:
        assert report.findings[0].evidence == {"producers": {"norm": "conv"}}


@pytest.mark.parametrize(("activation", "found"), [(nn.Sigmoid(), True), (nn.Tanh(), True), (nn.ReLU(), False)])
def test_sn502_normalization_before_sigmoid(lab: Any, activation: nn.Module, found: bool) -> None:
    torch.manual_seed(0)
    report = trained(lab, Plain(activation=activation), epochs=8)
    lab.assert_healthy(report)
    assert lab.codes(report) == (["SN502"] if found else [])


def test_sn502_functional_sigmoid(lab: Any) -> None:
    class Functional(Plain):
        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.norm(self.conv(x)).flatten(1).sigmoid())

    torch.manual_seed(0)
    assert lab.codes(trained(lab, Functional(), epochs=8)) == ["SN502"]


@pytest.mark.parametrize(
    ("after", "found"),
    [
        (nn.BatchNorm1d(10), True),
        (nn.Sequential(nn.BatchNorm1d(10), nn.LogSoftmax(1)), True),
        (nn.BatchNorm1d(10, affine=False), False),
        (nn.Sequential(nn.BatchNorm1d(10), nn.Linear(10, 10)), False),
    ],
    ids=["output", "before the softmax", "whitened embedding", "linear after it"],
)
def test_sn503_normalization_on_output(lab: Any, after: nn.Module, found: bool) -> None:
    torch.manual_seed(0)
    model = Plain(after=after)
    model.head = nn.Linear(16 * 64, 10, bias=False)
    report = trained(lab, model)
    if found:
        assert len(lab.assert_first(report, "SN503").layers) == 1
    else:
        lab.assert_healthy(report)


@pytest.mark.parametrize("size", [4, 32])
def test_sn505_batch_too_small(lab: Any, size: int) -> None:
    torch.manual_seed(0)
    small = [(x[at : at + size], y[at : at + size]) for x, y in lab.digits.train for at in range(0, len(x), size)]
    small = [batch for batch in small if len(batch[1]) == size]
    model = lab.Net()
    optimizer = lab.train(model, small, epochs=2, rate=1e-3)
    report = lab.diagnose(model, train_data=small, train_step=lab.train_step, optimizer=optimizer, batches=64)
    if size == 32:
        lab.assert_healthy(report)
    else:
        assert "hidden_norm" in lab.assert_first(report, "SN505").layers


@pytest.mark.parametrize("where", ["before", "after", "nowhere"])
def test_sn507_dropout_before_normalization(lab: Any, where: str) -> None:
    class Dropped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 16, 3, padding=1)
            self.hidden = nn.Linear(16 * 64, 32, bias=False)
            self.norm = nn.BatchNorm1d(32)
            self.head = nn.Linear(32, 10)
            self.early = nn.Dropout(0.5 if where == "before" else 0.0)
            self.late = nn.Dropout(0.5 if where == "after" else 0.0)

        def forward(self, x: Tensor) -> Tensor:
            x = self.early(torch.relu(self.conv(x)).flatten(1))
            return self.head(self.late(torch.relu(self.norm(self.hidden(x)))))

    torch.manual_seed(0)
    model = Dropped()
    report = trained(lab, model)
    if where != "before":
        lab.assert_healthy(report)
        return
    found = lab.assert_first(report, "SN507")
    assert found.layers == ("norm",)
    # Independent of the hooks: the variance of the layer's input with and without dropout, over all the data.
    model.eval()
    with torch.no_grad():
        x = torch.relu(model.conv(torch.cat([x for x, _ in lab.digits.train]))).flatten(1)
        plain = model.hidden(x).var(0)
        dropped = model.hidden(nn.functional.dropout(x, 0.5)).var(0)
    # 1400 samples know a variance to 4 %, and the medians of 32 channels are compared.
    assert found.evidence["log_variance_ratio"]["norm"] == pytest.approx(
        float((dropped / plain).log().median()), abs=0.08
    )


@pytest.mark.parametrize("scale", [1 / 4080, 1.0], ids=["scaled twice", "scaled once"])
def test_sn509_epsilon_dominates(lab: Any, scale: float) -> None:
    """Images in [0, 1/4080]: divided by 255 a second time."""
    torch.manual_seed(0)
    data = [(x * scale, y) for x, y in lab.digits.train]
    validation = [(x * scale, y) for x, y in lab.digits.validation]
    model = lab.Net()
    optimizer = lab.train(model, data, epochs=12)
    report = lab.diagnose(
        model, train_data=data, validation_data=validation, train_step=lab.train_step, optimizer=optimizer
    )
    if scale == 1.0:
        lab.assert_healthy(report)
        return
    found = lab.assert_first(report, "SN509")
    assert found.layers == ("norm",)
    below = float((model.norm.running_var < 1e-5).float().mean())
    assert found.evidence["share_of_channels"]["norm"] == pytest.approx(below)


@pytest.mark.parametrize("momentum", [0.9, 0.99, 0.999, 0.1, 0.5, None])
def test_sn510_momentum_of_the_other_framework(lab: Any, momentum: float | None) -> None:
    torch.manual_seed(0)
    model = lab.Net(momentum=momentum)
    optimizer = lab.train(model, lab.digits.train, epochs=8, rate=1e-3)
    report = lab.diagnose(model, train_step=lab.train_step, optimizer=optimizer)
    if momentum in (0.9, 0.99, 0.999):
        found = lab.assert_first(report, "SN510")
        assert found.severity == "error"
        assert found.certainty == "likely"  # the digits are easy enough for such statistics
        assert "metric" in found.settle
        trial = Trial("recalibrate", ("norm",), Score(), Score(), share=0.4)
        (harmful,) = run(replace(report.evidence, trials=(trial,)), ["SN510"])[0]
        assert (harmful.certainty, harmful.settle) == ("proven", None)
        assert found.evidence["decay"]["norm"] == pytest.approx(1 - momentum)
    else:
        assert "SN510" not in lab.codes(report)
