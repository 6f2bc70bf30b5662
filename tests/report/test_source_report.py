"""The report on source code in every form."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from steadynorm.fix import Edit, Fix
from steadynorm.place import Place
from steadynorm.report.frames import frame
from steadynorm.report.github import to_github
from steadynorm.report.model import Report
from steadynorm.report.result import CheckResult, Hidden
from steadynorm.source.reading.files import SourceFile

SARIF = Path(__file__).parents[1] / "data" / "sarif-2.1.0.json"

TEXT = """\
.: 1 warning, 1 info, first SN906 data-order.
2 Python files and 1 notebook (torch), 3 places that normalize. 54 checks made.

Findings
  1 warning, 1 info.

  1. WARNING SN906 data-order (likely)
     The training data come in their order.
       1 │ batch = 2
       2 │ loader(batch, shuffle=False)
         │ ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
     where      a, b.ipynb:cell 4:2
     remedy     Shuffle them.
     to settle  The order in the file.
     more       steadynorm explain SN906

  2. INFO SN501 bias-before-normalization (proven)
     Conv2d has a bias that the normalization after it cancels.
       3 │ net = nn.Sequential(
       4 │     nn.Conv2d(3, 64, 3),  # größer
         │     ^^^^^^^^^^^^^^^^^^^
       5 │     nn.BatchNorm2d(64),
     where   net/größer.py:4
     remedy  Pass bias=False.
     fix     leave out the bias (--fix)
     more    steadynorm explain SN501

Not assessed
  source code does not tell (SN104)"""


def shown(text: str, place: Place, width: int = 40) -> list[str]:
    return [line.plain for line in frame(SourceFile("a.py", text), place, width)]


def test_terminal_shows_the_code(source_report: Report) -> None:
    assert str(CheckResult((source_report,))) == TEXT
    assert str(source_report) == TEXT


def test_beside_models_the_source_is_one_more_report(source_report: Report, result: CheckResult) -> None:
    both = replace(result, reports=(*result.reports, source_report), hidden=Hidden(2, 1, 3, ("a.py:3: this comment",)))
    text = str(both)

    flat = " ".join(text.split())
    assert "1 model with normalization layers and 3 source files checked; 1 error, 1 warning, 1 info; " in flat
    assert "Not reported: 2 findings left out by comments or settings and 1 finding of the baseline." in flat
    assert "3 findings of the baseline are gone" in flat
    assert "Comments a.py:3: this comment" in flat
    assert max(map(len, text.splitlines())) <= 80


def test_source_without_the_subject_is_nothing_to_check(source_report: Report) -> None:
    program = replace(source_report.evidence.program, normalizations=0)  # type: ignore[type-var]
    report = replace(source_report, evidence=replace(source_report.evidence, program=program), findings=())

    assert report.exit_status() == 3
    flat = " ".join(str(report).split())
    assert flat == ".: nothing to check, the files have no normalization layers that can be followed."
    assert replace(source_report, findings=()).exit_status() == 0
    assert source_report.exit_status() == 1


def test_fixed_findings_are_counted(source_report: Report) -> None:
    text = str(CheckResult((source_report,), fixed=source_report.findings))

    assert "Fixed: SN906 (1), SN501 (1)." in text


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        ("abc(1)", Place("a.py", 1, 0, 1, 3), ["1 │ abc(1)", "  │ ^^^"]),
        ("\tx = abc", Place("a.py", 1, 5, 1, 8), ["1 │     x = abc", "  │         ^^^"]),
        ("'日本'; abc", Place("a.py", 1, 10, 1, 13), ["1 │ '日本'; abc", "  │         ^^^"]),
        (
            f"x = {'a' * 50}; abc",
            Place("a.py", 1, 56, 1, 59),
            ["1 │ …aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; abc", "  │                                  ^^^"],
        ),
        (
            f"abc({'a' * 50})",
            Place("a.py", 1, 0, 1, 55),
            ["1 │ abc(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…", "  │ ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^"],
        ),
        (
            "a\n\nabc(\n  1)\n\nb",
            Place("a.py", 3, 0, 4, 4),
            ["3 │ abc(", "  │ ^^^^", "4 │   1)", "  │   ^^"],
        ),
        ("x = '\x1b[31m'", Place("a.py", 1, 0, 1, 1), ["1 │ x = '\\x1b[31m'", "  │ ^"]),
    ],
)
def test_what_is_meant_is_underlined(text: str, place: Place, expected: list[str]) -> None:
    assert shown(text, place) == expected


def test_long_stretches_are_cut() -> None:
    text = "f(\n" + "".join(f"  a{number},\n" for number in range(40)) + ")\n"

    assert len(shown(text, Place("a.py", 1, 0, 42, 1))) == 10


def test_sarif_points_to_lines_and_brings_the_fix(source_report: Report) -> None:
    log = json.loads(CheckResult((source_report,)).to_sarif())
    jsonschema.validate(log, json.loads(SARIF.read_text()))
    run = log["runs"][0]
    notebook, file = run["results"]

    assert run["columnKind"] == "unicodeCodePoints"
    assert notebook["locations"][0]["physicalLocation"]["region"] == {"startLine": 1}
    assert notebook["locations"][0]["logicalLocations"][0]["name"] == "cell 4, line 2"
    assert "fixes" not in notebook
    location = file["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == "net/gr%C3%B6%C3%9Fer.py"
    assert location["region"] == {"startLine": 4, "startColumn": 5, "endLine": 4, "endColumn": 24}
    (fix,) = file["fixes"]
    (replacement,) = fix["artifactChanges"][0]["replacements"]
    assert replacement["insertedContent"] == {"text": ", bias=False"}
    assert replacement["deletedRegion"] == {"startLine": 4, "startColumn": 23, "endLine": 4, "endColumn": 23}


def test_fingerprint_survives_lines_above(source_report: Report) -> None:
    path = "net/größer.py"
    moved = SourceFile(path, "import os\n" + source_report.sources[path].text)
    found = replace(source_report.findings[1], place=Place(path, 5, 4, 5, 23), fix=None)
    later = replace(source_report, findings=(found,), sources={path: moved})
    prints = [
        json.loads(CheckResult((report,)).to_sarif())["runs"][0]["results"][-1]["partialFingerprints"]
        for report in (source_report, later)
    ]

    assert prints[0] == prints[1]


def test_github_points_to_lines(source_report: Report) -> None:
    notebook, file = to_github(CheckResult((source_report,))).splitlines()

    assert notebook.startswith("::warning file=a%2C b.ipynb,title=SN906 data-order::a, b.ipynb:cell 4:2: The training")
    assert file.startswith("::notice file=net/größer.py,line=4,endLine=4,col=5,endColumn=24,title=SN501 bias-")


def test_github_has_no_columns_over_several_lines(source_report: Report) -> None:
    found = replace(source_report.findings[1], place=Place("net/größer.py", 3, 0, 6, 1))

    (line,) = to_github(CheckResult((replace(source_report, findings=(found,)),))).splitlines()
    assert "line=3,endLine=6,title" in line


def test_unsafe_fix_says_so(source_report: Report) -> None:
    fix = Fix("add the lists", (Edit("net/größer.py", 0, 0, "x"),), False)
    found = replace(source_report.findings[1], fix=fix)

    assert "add the lists (--fix --unsafe-fixes: look at --diff first)" in str(
        replace(source_report, findings=(found,))
    )


def test_long_lines_of_code_stay_in_their_row(source_report: Report) -> None:
    path = "net/größer.py"
    text = source_report.sources[path].text.replace("größer", "größer " * 20)
    report = replace(source_report, sources={**source_report.sources, path: SourceFile(path, text)})
    lines = str(report).splitlines()

    (row,) = (index for index, line in enumerate(lines) if "nn.Conv2d" in line and "│" in line)
    assert lines[row].endswith("…")
    assert lines[row + 1].strip().startswith("│")
    assert max(map(len, lines)) == 80
