"""Baselines: what is known stays unreported, however the rest of the file changes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from steadynorm.errors import UnusableInputError
from steadynorm.source.baseline import SCHEMA, read_baseline, write_baseline


def test_known_findings_are_hidden_as_often_as_they_are_known(tmp_path: Path) -> None:
    path, source = tmp_path / "baseline.json", str(tmp_path / "src" / "a.py")
    write_baseline(path, [(source, "SN501", "x = f(1)"), (source, "SN501", "  x =  f(1)"), (source, "SN101", "y")])
    baseline = read_baseline(path)

    assert baseline.hide(source, "SN501", "    x = f(1)")
    assert baseline.hide(source, "SN501", "x = f(1)")
    assert not baseline.hide(source, "SN501", "x = f(1)")
    assert not baseline.hide(source, "SN502", "y")
    assert not baseline.hide(str(tmp_path / "b.py"), "SN101", "y")
    assert baseline.gone == 1


def test_paths_are_those_from_the_baselines_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    write_baseline(Path("baseline.json"), [("sub/a.py", "SN101", "y"), ("s3://b/m.pt", "SN701", "bn")])
    monkeypatch.chdir(tmp_path / "sub")
    baseline = read_baseline(os.path.join("..", "baseline.json"))

    assert baseline.hide("a.py", "SN101", "y")
    assert baseline.hide("s3://b/m.pt", "SN701", "bn")


def test_order_does_not_depend_on_that_of_the_findings(tmp_path: Path) -> None:
    found = [("b.py", "SN1", "x"), ("a.py", "SN2", "y"), ("a.py", "SN1", "z")]
    write_baseline(tmp_path / "1.json", found)
    write_baseline(tmp_path / "2.json", found[::-1])

    assert (tmp_path / "1.json").read_bytes() == (tmp_path / "2.json").read_bytes()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is no baseline; expected what --write-baseline writes"),
        ("[]", "is no baseline"),
        (json.dumps({"schema": "x/1", "findings": []}), f"has the schema 'x/1'; expected {SCHEMA}"),
        (json.dumps({"schema": SCHEMA, "findings": [{"path": "a"}]}), "is no baseline"),
    ],
)
def test_what_is_no_baseline_is_one_line(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(content)

    with pytest.raises(UnusableInputError, match=said):
        read_baseline(path)


def test_missing_baseline_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UnusableInputError, match="No such file or directory: --write-baseline makes one"):
        read_baseline(tmp_path / "baseline.json")
