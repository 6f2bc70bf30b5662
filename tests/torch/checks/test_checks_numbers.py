"""SN7 on a live model: every broken example next to its healthy twin, on the digits."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("buffer", ["running_mean", "running_var"])
def test_sn701_statistics_not_finite(lab: Any, buffer: str, value: float) -> None:
    model, _ = lab.healthy()
    getattr(model.inner_norm, buffer)[3] = value
    found = lab.assert_first(lab.diagnose(model), "SN701")
    assert found.layers == ("inner_norm",)
    assert "at channel 3" in found.message


def test_sn701_parameters_not_finite(lab: Any) -> None:
    model, _ = lab.healthy()
    with torch.no_grad():
        model.norm.weight[0] = float("nan")
    found = lab.assert_first(lab.diagnose(model), "SN701")
    assert found.evidence == {"array": "gamma", "channels": 1}


def test_sn702_negative_variance(lab: Any) -> None:
    model, _ = lab.healthy()
    model.inner_norm.running_var[7] = -0.02
    found = lab.assert_first(lab.diagnose(model), "SN702")
    assert found.evidence == {"channels": 1, "lowest": pytest.approx(-0.02)}
    assert found.effect.share == pytest.approx(1.0)


@pytest.mark.parametrize("what", ["gamma", "variance"])
def test_sn703_dead_channels(lab: Any, what: str) -> None:
    model, _ = lab.healthy()
    with torch.no_grad():
        if what == "gamma":
            model.norm.weight[:2] = 0
        else:
            model.conv.weight[:2] = 0
            model.norm.running_mean[:2] = 0
            model.norm.running_var[:2] = 0
    report = lab.diagnose(model)
    found = next(each for each in report.findings if each.code == "SN703")
    assert found.severity == "info"
    assert found.evidence == {"no_variance": 2 * (what == "variance"), "no_scale": 2 * (what == "gamma")}
    assert "SN703" not in lab.codes(lab.diagnose(lab.healthy()[0]))


def half_forward(dtype: torch.dtype) -> Any:
    def forward(model: Any, batch: Any) -> Tensor:
        return model(batch[0].to(dtype)).float()

    return forward


def test_sn704_statistics_in_half_precision(lab: Any) -> None:
    model, _ = lab.healthy()
    model.bfloat16()
    report = lab.diagnose(model, forward=half_forward(torch.bfloat16))
    found = lab.assert_first(report, "SN704")
    assert found.layers == ("norm", "inner_norm", "hidden_norm")
    assert found.evidence["dtype"] == "bfloat16"
    # bfloat16 has 8 significant bits: the next number after 1 is 1 + 2^-7, and rounding loses half of that.
    assert found.evidence["rounding_step"] == pytest.approx(float(torch.finfo(torch.bfloat16).eps) / 2)


def test_sn704_is_silent_under_autocast(lab: Any) -> None:
    model, _ = lab.healthy()

    def forward(model: Any, batch: Any) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return model(batch[0])

    lab.assert_healthy(lab.diagnose(model, forward=forward))


def test_sn705_stored_variance_far_too_small(lab: Any) -> None:
    model, _ = lab.healthy()
    model.inner_norm.running_var.mul_(1e-5)
    report = lab.diagnose(model)
    found = lab.assert_first(report, "SN705")
    assert found.layers == ("inner_norm",)
    assert found.evidence["output_growth"] > 10
    assert "SN705" not in lab.codes(lab.diagnose(lab.healthy()[0]))
