"""Findings as SARIF: valid by the standard's schema, and stable from run to run."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from steadynorm.checks.catalogue import CATALOGUE
from steadynorm.finding import Certainty, Finding, Severity
from steadynorm.report.model import Origin, Report
from steadynorm.report.result import CheckResult, Unread
from steadynorm.report.sarif import address, to_sarif

# The schema as the npm package @microsoft/jest-sarif 1.0.0-beta.0 (MIT) has it.
SCHEMA = json.loads((Path(__file__).parents[1] / "data" / "sarif-2.1.0.json").read_text(encoding="utf-8"))


def log(result: CheckResult) -> Any:
    """The parsed log, valid by the schema, with addresses that are addresses."""
    text = to_sarif(result)
    parsed = json.loads(text)
    checker = jsonschema.FormatChecker()
    jsonschema.Draft4Validator(SCHEMA, format_checker=checker).validate(parsed)
    assert text.isascii() or text.encode("utf-8")
    return parsed


def finding(code: str, severity: Severity = Severity.ERROR, **others: Any) -> Finding:
    return Finding(code, severity, Certainty.PROVEN, "model", "a message", "a remedy", **others)


def test_log_is_valid_and_says_what_was_found_where(result: CheckResult) -> None:
    (run,) = log(result)["runs"]
    (found,) = run["results"]
    (place,) = found["locations"]

    assert run["tool"]["driver"]["name"] == "steadynorm"
    assert (found["ruleId"], found["level"]) == ("SN101", "error")
    assert run["tool"]["driver"]["rules"][found["ruleIndex"]]["id"] == "SN101"
    assert found["message"]["text"].startswith("Train runs 0 of the 2 updates of 'net/broken/bn'. Run them: ")
    assert place["physicalLocation"]["artifactLocation"] == {"uri": "run/model.ckpt-1200", "uriBaseId": "%SRCROOT%"}
    assert place["physicalLocation"]["region"] == {"startLine": 1}  # the file is binary, and GitHub wants a line
    assert place["logicalLocations"] == [{"fullyQualifiedName": "net/broken/bn", "name": "bn", "kind": "element"}]
    assert found["properties"]["certainty"] == "likely"
    assert found["properties"]["settle"] == "the checkpoint"
    assert found["properties"]["evidence"] == {"updates": 2, "lowest": "NaN"}


def test_files_that_were_read_are_artifacts(result: CheckResult) -> None:
    places = [each["location"]["uri"] for each in log(result)["runs"][0]["artifacts"]]

    assert places == ["run/model.ckpt-1200.index", "run/model.ckpt-1200.meta", "plain.pt"]


def test_file_that_could_not_be_read_makes_the_run_unsuccessful(result: CheckResult) -> None:
    (invocation,) = log(result)["runs"][0]["invocations"]
    (notification,) = invocation["toolExecutionNotifications"]

    assert invocation["executionSuccessful"] is False
    assert notification["message"]["text"] == "no.pt: there is no such file"
    assert notification["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "no.pt"
    assert log(replace(result, unread=()))["runs"][0]["invocations"][0]["executionSuccessful"] is True


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_check_is_a_valid_rule_with_its_page(code: str, file_report: Report) -> None:
    report = replace(file_report, findings=(finding(code),))
    (rule,) = log(CheckResult((report,)))["runs"][0]["tool"]["driver"]["rules"]

    assert rule["id"] == code
    assert rule["name"] == CATALOGUE[code].name
    assert rule["help"]["markdown"] == CATALOGUE[code].page
    assert 20 < len(rule["fullDescription"]["text"]) < 1024


def test_severities_are_levels(file_report: Report) -> None:
    found = tuple(finding("SN701", each) for each in Severity)
    results = log(CheckResult((replace(file_report, findings=found),)))["runs"][0]["results"]

    assert [each["level"] for each in results] == ["note", "warning", "error"]


def test_rules_are_listed_once_and_results_point_to_theirs(file_report: Report) -> None:
    found = tuple(finding(code) for code in ("SN702", "SN101", "SN702"))
    (run,) = log(CheckResult((replace(file_report, findings=found),)))["runs"]
    rules = [each["id"] for each in run["tool"]["driver"]["rules"]]

    assert rules == ["SN101", "SN702"]
    assert [rules[each["ruleIndex"]] for each in run["results"]] == ["SN702", "SN101", "SN702"]


def fingerprints(*reports: Report) -> list[str]:
    results = log(CheckResult(reports))["runs"][0]["results"]
    return [each["partialFingerprints"]["steadynorm/v1"] for each in results]


def test_fingerprint_is_of_the_finding_and_not_of_its_numbers(file_report: Report) -> None:
    found = file_report.findings[0]
    other = replace(file_report, findings=(replace(found, message="train runs 1", evidence={}),))

    assert fingerprints(file_report) == fingerprints(other)


def test_fingerprints_differ_by_code_layer_and_file(file_report: Report) -> None:
    found = file_report.findings[0]
    elsewhere = replace(file_report, origin=Origin("other.pt", (), ""))
    changed = [replace(file_report, findings=(each,)) for each in (
        replace(found, code="SN102"), replace(found, layers=("other",)),
    )]  # fmt: skip

    assert len(set(fingerprints(file_report, elsewhere, *changed))) == 4


def test_diagnosis_has_layers_and_no_files(long_report: Report) -> None:
    (run,) = log(CheckResult((long_report,)))["runs"]

    assert run["artifacts"] == []
    assert all("physicalLocation" not in place for each in run["results"] for place in each["locations"])
    assert len(run["results"][0]["locations"][0]["logicalLocations"]) == 14


def test_diagnosis_points_to_the_code_that_builds_the_model(long_report: Report) -> None:
    (run,) = log(CheckResult((replace(long_report, code="examples/digits.py"),)))["runs"]
    places = [place["physicalLocation"] for each in run["results"] for place in each["locations"]]

    assert places == 3 * [
        {"artifactLocation": {"uri": "examples/digits.py", "uriBaseId": "%SRCROOT%"}, "region": {"startLine": 1}}
    ]


def test_nothing_found_is_a_valid_log() -> None:
    (run,) = log(CheckResult())["runs"]

    assert run["results"] == []
    assert run["tool"]["driver"]["rules"] == []


def test_addresses_are_relative_inside_the_folder_and_whole_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    assert address("a b/ü#1.pt") == {"uri": "a%20b/%C3%BC%231.pt", "uriBaseId": "%SRCROOT%"}
    assert address("./a.pt") == address(str(tmp_path / "here" / "a.pt")) == {"uri": "a.pt", "uriBaseId": "%SRCROOT%"}
    assert address("c:d.pt")["uri"] == "c%3Ad.pt"
    assert address("../hereafter/a.pt") == {"uri": f"file://{tmp_path}/hereafter/a.pt"}
    assert address("s3://bucket/run 1/a.pt") == {"uri": "s3://bucket/run%201/a.pt"}
    assert address("s3://bucket/50%.pt") == {"uri": "s3://bucket/50%25.pt"}
    assert address("https://host/a%20b%zz[1]#2.pt") == {"uri": "https://host/a%20b%25zz%5B1%5D%232.pt"}
    assert address(os.fsdecode(b"caf\xe9.pt"))["uri"] == "caf%E9.pt"


def test_names_that_no_text_can_hold_are_escaped(file_report: Report) -> None:
    name, path = "bn\x1b[31m\ud800", os.fsdecode(b"caf\xe9.pt")
    found = finding("SN701", layers=(name,))
    report = replace(file_report, name=path, findings=(found,), origin=Origin(path, (path,), "PyTorch checkpoint"))
    result = CheckResult((report,), (Unread(path, f"{path}: is damaged"),))
    (run,) = log(result)["runs"]

    assert run["results"][0]["locations"][0]["logicalLocations"][0]["name"] == "bn\x1b[31m\\ud800"
    assert run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"] == "caf\\xe9.pt: is damaged"
    to_sarif(result).encode("utf-8")
