"""Reports read from their JSON: the page and the text of it are those of the live report, or it is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import steadynorm
from steadynorm.report.model import Report
from steadynorm.report.run import Run
from steadynorm.report.written import read_recorded


def read(report: Report, folder: Path) -> Report:
    path = folder / "report.json"
    path.write_text(report.to_json(), encoding="utf-8")
    found = read_recorded(path)
    assert isinstance(found, Report)
    return found


def assert_same(report: Report, folder: Path) -> None:
    found = read(report, folder)
    assert found.to_html() == report.to_html()
    assert str(found) == str(report)
    assert found.exit_status() == report.exit_status()


def diagnosed(digits: Any, damage: Callable[[nn.Module], object], **given: Any) -> Report:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(288, 10))
    for x, _ in digits.train:
        model(x)
    damage(model)
    return steadynorm.diagnose(model.eval(), digits.train, digits.validation, name="mine", progress=False, **given)


def not_finite(model: nn.Module) -> None:
    model[1].running_var[2] = torch.nan


def not_updated(model: nn.Module) -> None:
    model[1].reset_running_stats()
    model[1].num_batches_tracked.fill_(30)


@pytest.mark.parametrize("damage", [not_finite, not_updated, lambda model: None], ids=["NaN", "stuck", "healthy"])
@pytest.mark.parametrize("measured", [True, False])
def test_page_and_text_of_a_diagnosis_are_those_of_its_json(
    digits: Any, damage: Callable[[nn.Module], object], measured: bool, tmp_path: Path
) -> None:
    given = {"loss": nn.functional.cross_entropy} if measured else {}
    assert_same(diagnosed(digits, damage, **given), tmp_path)


def test_a_part_of_the_checks_stays_that_part(digits: Any, tmp_path: Path) -> None:
    assert_same(diagnosed(digits, not_updated, select=["SN1", "SN7"], ignore=["SN105"]), tmp_path)


def test_every_severity_and_layers_that_were_left_out(long_report: Report, tmp_path: Path) -> None:
    evidence = replace(long_report.evidence, left_out={"loop/bn": "inside of a loop"})
    numbers = {"many": np.arange(3), "one": np.float64("nan"), "count": np.int64(12345), "nest": {"a": (1.5, None)}}
    first = replace(long_report.findings[0], evidence=numbers)
    assert_same(replace(long_report, evidence=evidence, findings=(first, *long_report.findings[1:])), tmp_path)


def test_experiments_of_a_sanity_test(experiments_report: Report, tmp_path: Path) -> None:
    assert_same(experiments_report, tmp_path)


def test_model_without_layers(tmp_path: Path) -> None:
    report = steadynorm.diagnose(nn.Linear(2, 2), [(torch.rand(4, 2), torch.rand(4))], progress=False)
    assert_same(report, tmp_path)


def test_run_file_is_still_a_run(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    head = '{"kind": "run", "steadynorm": "0.1.0", "interval": 10}\n'
    for more in ("", '{"kind": "loss", "step": 3, "train": 0.5}\n'):
        path.write_text(head + more, encoding="utf-8")
        found = read_recorded(path)
        assert isinstance(found, Run)
        assert found.steps == (3 if more else 0)


def changed(text: str, *keys: Any, to: Any) -> str:
    value = json.loads(text)
    holder = value
    for key in keys[:-1]:
        holder = holder[key]
    holder[keys[-1]] = to
    return json.dumps(value)


@pytest.mark.parametrize(
    ("keys", "to", "said"),
    [
        (("schema",), "steadynorm-report/9", "expected steadynorm-report/1"),
        (("schema",), "steadynorm-check/1", "make the page from the files"),
        (("name",), 3, "name is no text"),
        (("layers",), None, "layers is missing"),
        (("layers", 0), "bn", r"layers\[0\] is no object"),
        (("layers", 0, "distance", "mean_shift"), "large", r"layers\[0\].distance.mean_shift is no number"),
        (("findings", 0, "code"), "SN999", "this version knows no check SN999"),
        (("findings", 0, "severity"), "fatal", "severity is no one of info, warning, error"),
        (("gap", "measure"), "height", "gap.measure is neither metric nor loss"),
        (("trials", 0, "remedy"), "prayer", "this version knows no remedy 'prayer'"),
        (("versions",), None, "versions is missing"),
    ],
)
def test_damaged_report_is_refused_by_the_field(
    long_report: Report, keys: tuple[Any, ...], to: Any, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "report.json"
    path.write_text(changed(long_report.to_json(), *keys, to=to), encoding="utf-8")
    with pytest.raises(steadynorm.UnusableInputError, match=said):
        read_recorded(path)


def test_report_of_files_is_refused_with_what_to_do(file_report: Report, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(file_report.to_json(), encoding="utf-8")
    with pytest.raises(steadynorm.UnusableInputError, match=r"steadynorm check PATH --output report\.html"):
        read_recorded(path)


@pytest.mark.parametrize("text", ["", "[" * 100_000, "[1]", '{"a": 1}', "\udc80"])
def test_what_is_neither_run_nor_report_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(steadynorm.UnusableInputError, match="no run file"):
        read_recorded(path)
