"""Findings as workflow commands."""

from __future__ import annotations

import os
import re
from dataclasses import replace

import pytest

from steadynorm.finding import Certainty, Finding, Severity
from steadynorm.report.github import to_github
from steadynorm.report.model import Origin, Report
from steadynorm.report.result import CheckResult, Unread


def understood(line: str) -> tuple[str, dict[str, str], str]:
    """A command as GitHub's runner takes it apart (ActionCommand.cs of actions/runner)."""
    match = re.fullmatch(r"::(\w+) ([^:]*)::(.*)", line)
    assert match, line
    command, properties, message = match.groups()

    def read(text: str, *pairs: tuple[str, str]) -> str:
        for escaped, sign in (("%0D", "\r"), ("%0A", "\n"), *pairs, ("%25", "%")):
            text = text.replace(escaped, sign)
        return text

    parts = dict(each.split("=", 1) for each in properties.split(","))
    return command, {key: read(each, ("%3A", ":"), ("%2C", ",")) for key, each in parts.items()}, read(message)


def test_one_line_per_finding_and_per_file_that_could_not_be_read(result: CheckResult) -> None:
    first, second = map(understood, to_github(result).splitlines())

    assert first == (
        "error",
        {"file": "run/model.ckpt-1200", "title": "SN101 updates-not-run"},
        "run/model.ckpt-1200: layer net/broken/bn: Train runs 0 of the 2 updates of 'net/broken/bn'.\n"
        "Run them: tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)).",
    )
    assert second == (
        "error",
        {"file": "no.pt", "title": "steadynorm could not read it"},
        "no.pt: there is no such file",
    )


@pytest.mark.parametrize(
    ("severity", "command"), [(Severity.ERROR, "error"), (Severity.WARNING, "warning"), (Severity.INFO, "notice")]
)
def test_severities_are_commands(file_report: Report, severity: Severity, command: str) -> None:
    found = replace(file_report.findings[0], severity=severity)

    assert understood(to_github(CheckResult((replace(file_report, findings=(found,)),))))[0] == command


@pytest.mark.parametrize("text", ["100 %", "a:b,c::d", "two\nlines", "%0A", "::error::forged"])
def test_signs_that_mean_something_are_escaped(file_report: Report, text: str) -> None:
    found = Finding("SN701", Severity.ERROR, Certainty.PROVEN, "model", f"x {text}", "y", layers=(text,))
    report = replace(file_report, name=text, origin=Origin(text, (text,), ""), findings=(found,))
    (line,) = to_github(CheckResult((report,))).splitlines()
    _, properties, message = understood(line)

    assert properties["file"] == text
    assert message == f"{text}: layer {text}: X {text}.\nY."


def test_control_characters_and_bytes_do_not_reach_the_log(file_report: Report) -> None:
    path = os.fsdecode(b"\x1b[2Jcaf\xe9\r::error::x")
    line = to_github(CheckResult((), (Unread(path, f"{path}: is damaged"),)))

    assert line.isprintable()
    assert understood(line)[2] == "\\x1b[2Jcaf\\xe9\\r::error::x: is damaged"


def test_diagnosis_has_no_file(long_report: Report) -> None:
    assert [list(understood(line)[1]) for line in to_github(CheckResult((long_report,))).splitlines()] == [
        ["title"]
    ] * 3


def test_nothing_found_is_no_line() -> None:
    assert to_github(CheckResult()) == ""
