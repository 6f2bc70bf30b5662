"""What fixes make of the fixtures: `<case>.fixed.py` beside `<case>.py`; adding a case is adding a file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from steadynorm.source.edits import fixed
from steadynorm.source.files import SourceFile, read_source
from steadynorm.source_check import SourceTask, checked

HERE = Path(__file__).parent
CASES = sorted(HERE.glob("SN???/*.fixed.py"))

_EXPECTATION = re.compile(r"\s*# expect:.*$", re.MULTILINE)


def mended(file: SourceFile) -> str:
    """The text of a file once nothing is left to fix in it."""
    for _ in range(10):
        report = checked([file], SourceTask()).report
        assert report is not None
        done = fixed({file.path: file}, (each.fix for each in report.findings if each.fix is not None))
        if not done.texts:
            break
        file = SourceFile(file.path, done.texts[file.path], file.encoding, file.newline)
    return file.text


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_fixture_is_fixed_as_expected(case: Path) -> None:
    file = read_source(str(case.with_name(case.name.replace(".fixed", ""))))
    assert file is not None
    report = checked([file], SourceTask()).report
    assert report is not None
    found = [each for each in report.findings if each.code == case.parent.name]
    if len(found) != len(re.findall(rf"# expect:.*{case.parent.name}", file.text)):
        pytest.skip("not all is found, which test_source_fixtures.py tells")
    if not any(each.fix is not None for each in found):
        pytest.skip("no fix is offered")
    text = mended(file)

    assert _EXPECTATION.sub("", text) == _EXPECTATION.sub("", case.read_text(encoding="utf-8"))
    assert mended(SourceFile(file.path, text)) == text
