"""Fixes that mend nothing are not offered, and what was fixed once stays as it is."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

import steadynorm
from steadynorm.finding import Certainty, Finding, Severity
from steadynorm.fix import Edit, Fix
from steadynorm.fix_trials import tried
from steadynorm.place import Place
from steadynorm.source.editing.nodes import Standing
from steadynorm.source.fixes.errors import NoFixError
from steadynorm.source.fixes.statements import insert_after, insert_before
from steadynorm.source.reading.files import SourceFile

HERE = Path(__file__).parent
FIXED = sorted(HERE.glob("SN???/*.fixed.py"))
TEXT = "one()\ntwo()\nthree()\n"


def _found(line: int, put: str, *, safe: bool = True) -> Finding:
    """A finding in a line, and a fix that puts another one before it."""
    start = sum(len(each) + 1 for each in TEXT.split("\n")[: line - 1])
    fix = Fix("put a line", (Edit("a.py", start, start, f"{put}\n"),), safe)
    return Finding(
        "SN201", Severity.ERROR, Certainty.PROVEN, "", "", "", place=Place("a.py", line, 0, line, 3), fix=fix
    )


class Checker:
    """Finds each line that is wanted, unless the line before it is right; remembers what it was asked about."""

    def __init__(self, **needed: str) -> None:
        self.needed, self.seen = needed, list[str]()

    def __call__(self, files: Sequence[SourceFile]) -> list[Finding] | None:
        (file,) = files
        self.seen.append(file.text)
        lines = file.text.splitlines()
        return [
            Finding("SN201", Severity.ERROR, Certainty.PROVEN, "", "", "", place=Place("a.py", number))
            for number, line in enumerate(lines, 1)
            if line[:-2] in self.needed and self.needed[line[:-2]] not in lines[: number - 1]
        ]


def test_only_the_fix_that_mends_nothing_is_dropped() -> None:
    again = Checker(one="right", three="right_too")
    findings = [_found(1, "right"), _found(3, "wrong")]

    after = tried(findings, [SourceFile("a.py", TEXT)], again, False)

    assert [each.fix is None for each in after] == [False, True]
    assert again.seen == ["right\none()\ntwo()\nwrong\nthree()\n", "right\none()\ntwo()\nthree()\n"]


def test_a_fix_that_mends_by_the_help_of_a_dropped_one_is_dropped_too() -> None:
    again = Checker(one="never", three="wrong")
    findings = [_found(1, "wrong"), _found(3, "idle")]

    after = tried(findings, [SourceFile("a.py", TEXT)], again, False)

    assert [each.fix for each in after] == [None, None]


def test_fixes_that_are_not_safe_are_tried_with_the_others_only() -> None:
    again = Checker(one="never")
    findings = [_found(1, "wrong", safe=False)]

    assert tried(findings, [SourceFile("a.py", TEXT)], again, False) == tuple(findings)
    assert not again.seen
    assert tried(findings, [SourceFile("a.py", TEXT)], again, True)[0].fix is None


def test_no_fix_is_sure_where_the_new_text_cannot_be_checked() -> None:
    assert tried([_found(1, "right")], [SourceFile("a.py", TEXT)], lambda files: None, False)[0].fix is None


@pytest.mark.parametrize("insert", [insert_before, insert_after])
def test_no_line_is_put_beside_its_like(insert: object) -> None:
    file = SourceFile("a.py", "net.eval()\nask(net)\nnet.eval()\n")
    block = file.tree.body

    with pytest.raises(NoFixError):
        insert(file, Standing(block[1], block, file.tree), "net.eval()")  # type: ignore[operator]
    assert insert(file, Standing(block[1], block, file.tree), "net.train()")  # type: ignore[operator]


@pytest.mark.parametrize("case", FIXED, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_fixing_a_second_time_changes_nothing(case: Path, tmp_path: Path) -> None:
    source = case.with_name(case.name.replace(".fixed", ""))
    copy = tmp_path / source.name
    shutil.copy(source, copy)

    def fix() -> int:
        return len(steadynorm.check(copy, fix=True, unsafe_fixes=True, progress=False).fixed)

    made, text = fix(), copy.read_bytes()

    assert made
    assert text != source.read_bytes()
    assert fix() == 0
    assert copy.read_bytes() == text
