"""Every fixture gives the findings that its comments expect, and no others; adding a case is adding a file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from steadynorm.checks import registry
from steadynorm.evidence import Evidence
from steadynorm.finding import Certainty
from steadynorm.source.reader import read
from steadynorm.source.reading.files import SourceFile, read_source

HERE = Path(__file__).parent
EXPECTED = re.compile(r"#\s*expect:\s*((?:SN\d{3}\s*)+)(likely)?")


def _cases() -> list[Path]:
    found = []
    for folder in sorted(HERE.glob("SN???")):
        found += [each for each in sorted(folder.iterdir()) if _is_case(each)]
    return found


def _is_case(path: Path) -> bool:
    if path.is_dir():
        return not path.name.startswith("__")
    return path.suffix in (".py", ".ipynb") and ".fixed" not in path.name


def _files(case: Path) -> list[SourceFile]:
    paths = sorted(each for each in case.rglob("*") if each.suffix in (".py", ".ipynb")) if case.is_dir() else [case]
    read_files = [read_source(str(path)) for path in paths]
    return [file for file in read_files if file is not None]


def _expected(files: list[SourceFile]) -> set[tuple[str, int, str, bool]]:
    expected = set()
    for file in files:
        for number, line in enumerate(file.text.splitlines(), 1):
            if found := EXPECTED.search(line):
                expected |= {(Path(file.path).name, number, code, found[2] is not None) for code in found[1].split()}
    return expected


@pytest.mark.parametrize("case", _cases(), ids=lambda case: f"{case.parent.name}/{case.name}")
def test_fixture_gives_what_its_comments_expect(case: Path) -> None:
    files = _files(case)
    findings, _ = registry.run(Evidence("source", (), program=read(files)))
    found = {
        (Path(each.place.path).name, each.place.line, each.code, each.certainty is Certainty.LIKELY)
        for each in findings
        if each.place is not None
    }
    assert found == _expected(files)


def test_broken_fixtures_have_expectations_and_healthy_ones_have_none() -> None:
    for case in _cases():
        healthy = case.stem.endswith("_healthy")
        assert bool(_expected(_files(case))) is not healthy, case
