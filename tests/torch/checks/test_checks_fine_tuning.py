"""SN6 on a live model: every broken example next to its healthy twin, on the digits."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

NORMS = ("norm", "inner_norm", "hidden_norm")


def frozen(model: nn.Module, names: tuple[str, ...] = NORMS) -> nn.Module:
    """Freezes gamma and beta of the named layers."""
    for name in names:
        for parameter in getattr(model, name).parameters():
            parameter.requires_grad_(False)
    return model


def keep_in_eval(model: nn.Module, names: tuple[str, ...] = NORMS) -> nn.Module:
    """The lasting freeze: train() leaves the named layers in inference mode."""

    class Kept(type(model)):  # type: ignore[misc]
        def train(self, mode: bool = True) -> nn.Module:
            super().train(mode)
            for name in names:
                getattr(self, name).eval()
            return self

    model.__class__ = Kept
    return model.train()


def calls_train(lab: Any) -> Any:
    def step(model: nn.Module, optimizer: torch.optim.Optimizer, batch: Any) -> Tensor:
        model.train()
        return lab.train_step(model, optimizer, batch)

    return step


def optimizer_of(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam([each for each in model.parameters() if each.requires_grad], 1e-4)


@pytest.mark.parametrize("lasting", [False, True])
def test_sn601_frozen_parameters_moving_statistics(lab: Any, lasting: bool) -> None:
    model = frozen(lab.healthy()[0])
    if lasting:
        model = keep_in_eval(model)
    report = lab.diagnose(model, train_step=lab.train_step, optimizer=optimizer_of(model))
    if lasting:
        lab.assert_healthy(report)
    else:
        assert lab.assert_first(report, "SN601").layers == NORMS


@pytest.mark.parametrize("lasting", [False, True])
def test_sn603_freeze_undone_by_train(lab: Any, lasting: bool) -> None:
    model = frozen(lab.healthy()[0])
    if lasting:
        model = keep_in_eval(model)
    else:
        model.train()
        for name in NORMS:
            getattr(model, name).eval()
    report = lab.diagnose(model, train_step=calls_train(lab), optimizer=optimizer_of(model))
    if lasting:
        lab.assert_healthy(report)
    else:
        assert lab.assert_first(report, "SN603").layers == NORMS
        assert "SN601" not in lab.codes(report)


def other_task(batches: Any) -> list[Any]:
    """The digits as another camera sees them: dark on bright, and twice the contrast."""
    return [(2 * (1 - x), y) for x, y in batches]


@pytest.mark.parametrize("kept", [True, False])
def test_sn602_statistics_kept_from_the_old_task(lab: Any, kept: bool) -> None:
    model = lab.healthy()[0]
    if kept:
        model = keep_in_eval(model)
    data, validation = other_task(lab.digits.train), other_task(lab.digits.validation)
    optimizer = lab.train(model, data, epochs=4, rate=1e-3)
    report = lab.diagnose(
        model, train_data=data, validation_data=validation, train_step=lab.train_step, optimizer=optimizer
    )
    if kept:
        assert "norm" in lab.assert_first(report, "SN602").layers
    else:
        lab.assert_healthy(report)


@pytest.mark.parametrize("decay", [0.9997, 0.9])
def test_sn602_decay_too_slow_for_a_short_fine_tuning(lab: Any, decay: float) -> None:
    model, _ = lab.healthy()
    for name in NORMS:
        layer = getattr(model, name)
        layer.momentum = 1 - decay
        layer.num_batches_tracked.fill_(20_000)  # a long pre-training
    data, validation = other_task(lab.digits.train), other_task(lab.digits.validation)
    optimizer = lab.train(model, data, epochs=4, rate=1e-3)
    report = lab.diagnose(
        model, train_data=data, validation_data=validation, train_step=lab.train_step, optimizer=optimizer
    )
    if decay == 0.9:
        lab.assert_healthy(report)
        return
    found = lab.assert_first(report, "SN602")
    steps = 4 * len(lab.digits.train)
    assert found.evidence["optimizer_steps"] == steps
    assert found.evidence["residual"] == pytest.approx(0.9997**steps)
    assert found.effect.share > 0.95


def test_sn602_frozen_layers_on_statistics_that_still_fit(lab: Any) -> None:
    model = keep_in_eval(frozen(lab.healthy()[0]))
    optimizer = lab.train(model, lab.digits.train, epochs=1, rate=1e-4)
    lab.assert_healthy(lab.diagnose(model, train_step=lab.train_step, optimizer=optimizer))


class FrozenBatchNorm2d(nn.Module):
    """As in torchvision and detectron2: everything is a buffer."""

    def __init__(self, layer: nn.BatchNorm2d) -> None:
        super().__init__()
        for name in ("weight", "bias", "running_mean", "running_var"):
            self.register_buffer(name, getattr(layer, name).detach().clone())
        self.eps = layer.eps

    def forward(self, x: Tensor) -> Tensor:
        scale = self.weight * torch.rsqrt(self.running_var + self.eps)
        shift = self.bias - self.running_mean * scale
        return x * scale[:, None, None] + shift[:, None, None]


@pytest.mark.parametrize("damage", [0.02, 1.0], ids=["wrong", "right"])
def test_sn602_layers_of_a_frozen_type(lab: Any, damage: float) -> None:
    """Batch mode has to be made for a class that has none; the same network with nn.BatchNorm2d tells what it gives."""
    plain = lab.healthy()[0]
    model = lab.healthy()[0]
    for network in (plain, model):
        network.norm.running_var.mul_(damage)
    model.norm, model.inner_norm = FrozenBatchNorm2d(model.norm), FrozenBatchNorm2d(model.inner_norm)
    report = lab.diagnose(model)
    expected = lab.diagnose(plain).evidence.gap
    for cell, scored in report.evidence.gap.scores.items():
        assert scored.metric == pytest.approx(expected.scores[cell].metric), cell
        assert scored.loss == pytest.approx(expected.scores[cell].loss, rel=1e-4), cell  # float32, other arithmetic
    if damage == 1.0:
        lab.assert_healthy(report)
    else:
        assert lab.assert_first(report, "SN602").layers == ("norm",)
