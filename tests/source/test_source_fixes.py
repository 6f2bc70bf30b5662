"""What fixes make of the fixtures: `<case>.fixed.py` beside `<case>.py`; adding a case is adding a file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import pytest

from steadynorm.report.model import Report
from steadynorm.source.editing.edits import fixed
from steadynorm.source.reading.files import SourceFile, read_source
from steadynorm.source_check import SourceTask, checked

HERE = Path(__file__).parent
FIXED = sorted(HERE.glob("SN???/*.fixed.py"))
BROKEN = sorted(
    each
    for each in HERE.glob("SN???/*")
    if (each.suffix in (".py", ".ipynb") or each.is_dir())
    and not each.stem.endswith((".fixed", "_healthy"))
    and not each.name.startswith("__")
)

UNCOVERED = {"SN104", "SN204", "SN505"}
"""Told only of statistics that are updated, and of layers that take batch moments, as they do once a fix has it so."""

_EXPECTATION = re.compile(r"\s*# expect:.*$", re.MULTILINE)
_ROUNDS = 4


def files_of(case: Path) -> dict[str, SourceFile]:
    paths = sorted(case.rglob("*.py")) if case.is_dir() else [case]
    read = {str(path): read_source(str(path)) for path in paths}
    return {path: file for path, file in read.items() if file is not None}


def report_on(files: Mapping[str, SourceFile]) -> Report:
    return _report_on(tuple(files.values()))


@lru_cache(maxsize=8)
def _report_on(files: tuple[SourceFile, ...]) -> Report:
    """A test asks about the same texts before it mends them and while it does, and about the mended ones likewise."""
    report = checked(list(files), SourceTask()).report
    assert report is not None
    return report


def mended(files: Mapping[str, SourceFile]) -> dict[str, SourceFile]:
    """The files once nothing is left to fix in them."""
    for _ in range(_ROUNDS):
        done = fixed(files, (each.fix for each in report_on(files).findings if each.fix is not None))
        if not done.texts:
            return dict(files)
        files = {
            path: SourceFile(path, done.texts.get(path, file.text), file.encoding, file.newline, file.cells)
            for path, file in files.items()
        }
    raise AssertionError("fixes have no end")


@pytest.mark.parametrize("case", FIXED, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_fixture_is_fixed_as_expected(case: Path) -> None:
    files = files_of(case.with_name(case.name.replace(".fixed", "")))
    ((path, file),) = files.items()
    found = [each for each in report_on(files).findings if each.code == case.parent.name]
    text = mended(files)[path].text

    assert len(found) == len(re.findall(rf"# expect:.*{case.parent.name}", file.text))
    assert all(each.fix is not None for each in found)
    assert _EXPECTATION.sub("", text) == _EXPECTATION.sub("", case.read_text(encoding="utf-8"))
    assert mended({path: SourceFile(path, text)})[path].text == text


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_what_is_fixed_is_gone_and_nothing_new_comes(case: Path) -> None:
    files = files_of(case)
    before = report_on(files)
    fixable = Counter(each.code for each in before.findings if each.fix is not None)
    if not fixable:
        return
    all_before = Counter(each.code for each in before.findings)
    after = Counter(each.code for each in report_on(mended(files)).findings)

    for code, count in fixable.items():
        assert after[code] <= all_before[code] - count
    assert not set(after - all_before) - UNCOVERED


@pytest.mark.parametrize("newline", ["\r\n", "\t"], ids=["CRLF", "tabs"])
@pytest.mark.parametrize("case", FIXED, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_fixture_of_another_style_is_fixed_alike(case: Path, newline: str) -> None:
    """The same edits where lines end in another way, or blocks are indented by tabs."""

    def styled(text: str) -> str:
        text = _EXPECTATION.sub("", text)
        if newline == "\r\n":
            return text.replace("\n", "\r\n")
        return re.sub(r"^(?:    )+", lambda found: "\t" * (len(found[0]) // 4), text, flags=re.MULTILINE)

    source = case.with_name(case.name.replace(".fixed", ""))
    text = styled(source.read_text(encoding="utf-8"))
    file = SourceFile(str(source), text, newline="\r\n" if newline == "\r\n" else "\n")

    assert mended({file.path: file})[file.path].text == styled(case.read_text(encoding="utf-8"))
