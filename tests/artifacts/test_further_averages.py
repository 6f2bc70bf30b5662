"""What a layer averages beside its statistics: damaged ones are found in every file, each beside a healthy twin."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from steadynorm.artifacts.evidence import evidence_of
from steadynorm.artifacts.formats import read
from steadynorm.checks.registry import run
from steadynorm.finding import Finding

torch = pytest.importorskip("torch")

from steadynorm.evidence import Evidence  # noqa: E402
from steadynorm.torch import BatchNorm2d  # noqa: E402
from steadynorm.torch.layers import describe  # noqa: E402


def network() -> Any:
    torch.manual_seed(0)
    options = {"renorm": True, "domain_statistics": 2}
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), BatchNorm2d(4, **options), torch.nn.Conv2d(4, 4, 1))
    for index in range(120):
        model[1](model[0](torch.randn(8, 3, 5, 5) + 1), domain=index % 2)
    return model


def save_state(model: Any, path: Path) -> None:
    torch.save(model.state_dict(), path)


def save_legacy(model: Any, path: Path) -> None:
    torch.save({"epoch": 3, "model": model.state_dict()}, path, _use_new_zipfile_serialization=False)


def save_module(model: Any, path: Path) -> None:
    torch.save(model, path)


SAVES: dict[str, Callable[[Any, Path], None]] = {
    "state dict": save_state, "legacy in a checkpoint": save_legacy, "module": save_module
}  # fmt: skip
every_file = pytest.mark.parametrize("save", SAVES.values(), ids=SAVES)


def found(path: Path) -> list[Finding]:
    return [each for each in run(evidence_of(read(path)))[0] if each.code in ("SN701", "SN702")]


@every_file
def test_healthy_ones_are_nothing_to_report(tmp_path: Path, save: Callable[[Any, Path], None]) -> None:
    save(network(), tmp_path / "model.pt")

    assert found(tmp_path / "model.pt") == []


@every_file
@pytest.mark.parametrize("name", ["renorm_mean", "renorm_stddev", "renorm_mean_1", "running_var_1"])
def test_what_is_not_finite_is_found(tmp_path: Path, save: Callable[[Any, Path], None], name: str) -> None:
    model = network()
    getattr(model[1], name)[2] = float("nan")
    save(model, tmp_path / "model.pt")

    (finding,) = found(tmp_path / "model.pt")

    assert finding.code == "SN701"
    assert finding.message.startswith(f"{name} of '")
    assert "1 of 4 channels (first: nan at channel 2)" in finding.message
    assert "domain(model, index)" in finding.remedy if name.startswith("running") else "moving mean" in finding.remedy


@every_file
def test_a_negative_variance_of_another_domain_is_found(tmp_path: Path, save: Callable[[Any, Path], None]) -> None:
    model = network()
    model[1].running_var_1[1] = -0.5
    save(model, tmp_path / "model.pt")

    (finding,) = found(tmp_path / "model.pt")

    assert finding.code == "SN702"
    assert finding.message.startswith("running_var_1 of '")
    assert "-0.5 at channel 1" in finding.message
    assert "domain(model, index)" in finding.remedy


@pytest.mark.parametrize("noted", ["text", [1, 2], [torch.full((3, 5), float("nan"))], [{}] * 3, None], ids=str)
def test_what_else_is_noted_there_is_passed_over(tmp_path: Path, noted: Any) -> None:
    state = network().state_dict()
    state._metadata["1"]["steadynorm.renorm"] = noted
    torch.save(state, tmp_path / "model.pt")

    assert found(tmp_path / "model.pt") == []


@pytest.mark.parametrize("name", ["renorm_mean", "running_var_1"])
def test_they_are_found_in_a_live_model_as_well(name: str) -> None:
    model = network()
    layers = [describe("1", model[1])]
    assert not [each for each in run(Evidence("torch", tuple(layers)))[0] if each.code == "SN701"]
    getattr(model[1], name)[0] = float("inf")

    (finding,) = (each for each in run(Evidence("torch", (describe("1", model[1]),)))[0] if each.code == "SN701")

    assert finding.message.startswith(f"{name} of '1' is not finite in 1 of 4 channels")
