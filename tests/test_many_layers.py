"""Models of very many layers: their findings are few, and their report is short and soon there."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import steadynorm
from steadynorm.checks.registry import run
from steadynorm.evidence import Evidence, Layer, Statistics
from steadynorm.finding import Certainty, Finding, Severity
from steadynorm.norm.config import NormConfig
from steadynorm.report.model import Origin, Report
from steadynorm.report.result import CheckResult


def layer(name: str, **arrays: np.ndarray) -> Layer:
    rest = {"mean": np.full(4, 0.5), "variance": np.full(4, 2.0), "gamma": np.full(4, 1.5), "beta": np.full(4, 0.25)}
    values = {**rest, **arrays}
    statistics = Statistics(values["mean"], values["variance"])
    return Layer(name, "BatchNorm2d", 4, NormConfig(), statistics, values["gamma"], values["beta"])


def found(*layers: Layer) -> list[Finding]:
    return run(Evidence("torch", layers), ("SN70",))[0]


NAN, NEGATIVE, ZERO = (np.array([1.0, value, 2.0, value]) for value in (np.nan, -0.5, 0.0))


@pytest.mark.parametrize(
    ("array", "values", "code", "message"),
    [
        ("mean", NAN, "SN701", "moving_mean of 'a' is not finite in 2 of 4 channels (first: nan at channel 1)"),
        ("gamma", NAN, "SN701", "gamma of 'a' is not finite in 2 of 4 channels (first: nan at channel 1)"),
        ("variance", NEGATIVE, "SN702", "moving_variance of 'a' is negative in 2 of 4 channels (-0.5 at channel 1)"),
        ("variance", ZERO, "SN703", "'a' has 2 channels without variance and 0 with gamma about 0, of 4"),
        ("gamma", ZERO, "SN703", "'a' has 0 channels without variance and 2 with gamma about 0, of 4"),
    ],
)
def test_one_layer_and_many_are_one_finding(array: str, values: np.ndarray, code: str, message: str) -> None:
    (one,) = found(layer("a", **{array: values}), layer("b"))
    (many,) = found(*(layer(name, **{array: values}) for name in "abc"), layer("d"))

    assert (one.code, one.layers) == (code, ("a",))
    assert one.message.startswith(message)
    assert (many.code, many.layers) == (code, ("a", "b", "c"))
    assert "3 layers" in many.message
    assert "'a'" in many.message
    assert many.evidence["layers"].keys() == {"a", "b", "c"}
    assert found(layer("a"), layer("b")) == []


def test_what_can_be_re_estimated_is_told_from_what_cannot() -> None:
    statistics, parameters = found(layer("a", mean=NAN, variance=NAN), layer("b", beta=NAN))

    assert (statistics.layers, parameters.layers) == (("a",), ("b",))
    assert statistics.message.endswith("; so are 2 of its arrays")
    assert statistics.remedy.startswith("Re-estimate")
    assert parameters.remedy.startswith("Go back")


def test_dead_channels_are_summed() -> None:
    (dead,) = found(layer("a", variance=ZERO), layer("b", gamma=ZERO, variance=ZERO))

    assert dead.message == "2 layers ('a') have 4 channels without variance and 2 with gamma about 0, of 8"
    assert (dead.evidence["no_variance"], dead.evidence["no_scale"]) == (4, 2)


def test_no_more_findings_are_written_out_than_anybody_reads() -> None:
    one = Finding("SN702", Severity.ERROR, Certainty.PROVEN, "x", "message", "remedy", layers=("x",))
    origin = Origin("m.pt", ("m.pt",), "PyTorch checkpoint")
    report = Report("m.pt", Evidence("torch", (layer("x"),)), (one,) * 100, origin=origin)

    text = str(CheckResult((report,)))
    assert "100 errors" in text
    assert "  40. ERROR SN702" in text
    assert "  41. " not in text
    assert "and 60 more findings: --format json has them all" in text
    assert "more finding" not in str(CheckResult((replace(report, findings=(one,) * 40),)))


def many(path: Path, count: int, healthy: bool) -> Path:
    header: dict[str, object] = {}
    data = bytearray()
    random = np.random.default_rng(0)
    for number in range(count):
        arrays = {
            "weight": random.uniform(0.5, 2, 8),
            "bias": random.normal(size=8),
            "running_mean": random.normal(size=8),
            "running_var": random.uniform(0.5, 2, 8) if healthy else np.array([0, np.nan, -1, 1, 1, 1, 1, 1]),
        }
        for name, values in arrays.items():
            place = [len(data), len(data) + 32]
            header[f"layers.{number}.bn.{name}"] = {"dtype": "F32", "shape": [8], "data_offsets": place}
            data += values.astype(np.float32).tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(data))
    return path


@pytest.mark.parametrize("healthy", [True, False])
def test_report_on_many_layers_is_short_and_soon_there(tmp_path: Path, healthy: bool) -> None:
    path = many(tmp_path / "m.safetensors", 5000, healthy)
    start = time.process_time()
    result = steadynorm.check(path, progress=False)
    text = str(result)

    # Processor time: other tests run beside this one.
    assert time.process_time() - start < 10
    assert len(text.splitlines()) < 80
    assert len(result.findings) == (0 if healthy else 3)
