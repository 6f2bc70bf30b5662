"""The report as JSON: strict, stable, and as documented."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steadynorm
from steadynorm.report.json import RESULT_SCHEMA, SCHEMA, plain, to_json
from steadynorm.report.model import Report
from steadynorm.report.result import CheckResult

DOCUMENT = Path(__file__).parents[2] / "docs" / "report-json.md"


@pytest.fixture(scope="module")
def real_reports(digits: Any) -> tuple[Report, Report]:
    """One diagnosis with everything that a subject can hold, and one with the model and its data only."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(288, 10)
    )
    loss, optimizer = torch.nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters(), 1e-2)

    def train_step(model: Any, optimizer: Any, batch: Any) -> Any:
        optimizer.zero_grad()
        value = loss(model(batch[0]), batch[1])
        value.backward()
        optimizer.step()
        return value

    def accuracy(output: Any, target: Any) -> Any:
        return (output.argmax(1) == target).float().mean()

    for batch in digits.train:
        train_step(model, optimizer, batch)
    model[1].reset_running_stats()
    everything = steadynorm.Subject(
        model,
        digits.train,
        digits.validation,
        loss=loss,
        metric=accuracy,
        train_step=train_step,
        optimizer=optimizer,
        evaluate=lambda model, batches: model.eval() and None,
        source_model=model,
        name="digits",
    )
    return steadynorm.diagnose(everything), steadynorm.diagnose(model, digits.train)


TYPES = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: type(value) is int,
    "number": lambda value: type(value) in (int, float) or value in ("NaN", "Infinity", "-Infinity"),
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "list": lambda value: isinstance(value, list),
    "list of strings": lambda value: isinstance(value, list) and all(isinstance(each, str) for each in value),
    "null": lambda value: value is None,
}


def documented(part: int = 0) -> dict[str, str]:
    """The type of every field in the document, in its order: of a report, or of a check of files for part 1."""
    text = DOCUMENT.read_text(encoding="utf-8").split("\n## The check of files\n")[part]
    rows = re.findall(r"^\| `([^`]+)` \| ([a-z ]+) \|", text, re.MULTILINE)
    assert len(rows) == len(dict(rows))
    return dict(rows)


def paths(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every path in a parsed report, written as in the document, with its value."""
    if isinstance(value, dict):
        for key, each in value.items():
            path = f"{prefix}.{key}" if prefix else key
            yield path, each
            # What a check puts into its evidence is its own business.
            if path != "findings[].evidence":
                yield from paths(each, path)
    elif isinstance(value, list):
        for each in value:
            yield from paths(each, f"{prefix}[]")


def strict(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.fixture
def reports(
    real_reports: tuple[Report, Report], file_report: Report, source_report: Report, experiments_report: Report
) -> tuple[Report, ...]:
    """Reports that have every field between them."""
    everything, bare = real_reports
    looped = replace(bare, evidence=replace(bare.evidence, left_out={"loop/bn": "inside of a loop"}))
    return (everything, looped, file_report, source_report, experiments_report)


def test_document_and_reports_have_the_same_fields(reports: tuple[Report, ...]) -> None:
    found = {path for report in reports for path, _ in paths(strict(report.to_json()))}

    assert set(documented()) == found


def test_values_have_their_documented_types(reports: tuple[Report, ...]) -> None:
    types = documented()

    for report in reports:
        for path, value in paths(strict(report.to_json())):
            assert any(TYPES[kind](value) for kind in types[path].split(" or ")), (path, value)


def test_documented_order_is_the_order_of_the_keys(reports: tuple[Report, ...]) -> None:
    top = [path for path in documented() if "." not in path]

    assert [list(strict(report.to_json())) for report in reports] == [top] * len(reports)


def test_check_of_files_is_as_documented(result: CheckResult) -> None:
    result = replace(result, fixed=result.findings)
    parsed, types = strict(result.to_json()), documented(1)
    models = [strict(report.to_json()) for report in result.reports]
    assert parsed["models"] == models

    found = dict(paths({**parsed, "models": []}))
    assert list(types) == list(found)
    assert all(any(TYPES[kind](value) for kind in types[path].split(" or ")) for path, value in found.items())


def test_check_of_files_counts_over_all_models(result: CheckResult) -> None:
    parsed = strict(result.to_json())

    assert parsed["schema"] == RESULT_SCHEMA == "steadynorm-check/1"
    assert parsed["counts"] == {"error": 1, "warning": 0, "info": 0}
    assert parsed["unread"] == [{"path": "no.pt", "reason": "no.pt: there is no such file"}]
    assert parsed["skipped"] == [{"reason": "of no format that is read", "files": 3}]


def test_names_that_no_text_can_hold_are_escaped() -> None:
    assert plain({"caf\udce9": ["\ud800x", "\x1b"]}) == {"caf\\xe9": ["\\ud800x", "\x1b"]}


def test_document_names_the_schemas() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")

    assert f"`{SCHEMA}`" in text
    assert f"`{RESULT_SCHEMA}`" in text


def test_same_report_gives_the_same_text(real_reports: tuple[Report, Report]) -> None:
    report = real_reports[0]

    assert report.to_json() == report.to_json()
    assert "\n" not in report.to_json(indent=None)
    assert strict(report.to_json(indent=None)) == strict(report.to_json())


def test_content_is_the_report(real_reports: tuple[Report, Report]) -> None:
    report = real_reports[0]
    parsed = strict(report.to_json())

    assert parsed["schema"] == "steadynorm-report/1"
    assert [found["code"] for found in parsed["findings"]] == [found.code for found in report.findings]
    assert parsed["findings"][0]["effect"]["share"] > 0.9
    assert len(parsed["four_way"]) == 4
    assert parsed["layers"][0]["distance"]["significant"] is True
    assert parsed["versions"]["framework"] == "torch"
    assert parsed["versions"]["framework_version"]


def test_numbers_that_are_not_finite_become_strings() -> None:
    values = {"a": float("nan"), "b": [np.float32("inf")], "c": (-np.inf, np.int64(3), np.bool_(True), None)}

    assert plain(values) == {"a": "NaN", "b": ["Infinity"], "c": ["-Infinity", 3, True, None]}


def test_numpy_and_enumerations_become_plain(long_report: Report) -> None:
    found = replace(long_report.findings[0], evidence={"shape": np.zeros(2), "which": {1: np.float64(2)}})
    parsed = strict(to_json(replace(long_report, findings=(found,))))

    assert parsed["findings"][0]["evidence"] == {"shape": [0.0, 0.0], "which": {"1": 2.0}}
    assert parsed["findings"][0]["severity"] == "error"


def test_nothing_to_check_is_a_report_as_well() -> None:
    parsed = strict(Report.nothing_to_check("plain", "torch").to_json())

    assert parsed["layers"] == []
    assert parsed["checked"] == []
    assert parsed["gap"] is None
