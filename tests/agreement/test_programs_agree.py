"""Programs that make one mistake, and healthy twins: source, live model and checkpoint show what their head says."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import steadynorm
from steadynorm.checks.registry import run
from steadynorm.evidence import Evidence
from steadynorm.source.reader import read
from steadynorm.source.reading.files import read_source

pytest.importorskip("torch")
pytest.importorskip("sklearn")

PROGRAMS = Path(__file__).parent / "programs"
HEAD = re.compile(r"^# (source|live|stored):(.*)$", re.MULTILINE)
NAMES = sorted(each.stem for each in PROGRAMS.glob("sn*.py"))


def _expected(name: str) -> dict[str, set[str]]:
    return {kind: set(codes.split()) for kind, codes in HEAD.findall((PROGRAMS / f"{name}.py").read_text("utf-8"))}


def _codes(findings: Any) -> set[str]:
    return {each.code for each in findings}


@pytest.fixture(autouse=True)
def beside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Programs import the data from the file beside them."""
    with monkeypatch.context() as patch:
        patch.syspath_prepend(PROGRAMS)
        patch.delitem(__import__("sys").modules, "digits", raising=False)
        yield


@pytest.mark.parametrize("name", NAMES)
def test_source_shows_what_the_head_says(name: str) -> None:
    files = [read_source(str(PROGRAMS / f"{each}.py")) for each in (name, "digits")]
    findings, _ = run(Evidence("source", (), program=read([each for each in files if each is not None])))

    assert _codes(findings) == _expected(name)["source"]


@pytest.mark.parametrize("name", NAMES)
def test_model_and_checkpoint_show_what_the_head_says(name: str, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location(f"program_{name}", PROGRAMS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    checkpoint = tmp_path / "model.pt"

    live = steadynorm.diagnose(module.main(checkpoint), progress=False)
    stored = steadynorm.check(checkpoint, progress=False)

    assert _codes(live.findings) == _expected(name)["live"]
    assert not stored.unread
    assert _codes(found for report in stored.reports for found in report.findings) == _expected(name)["stored"]


def test_every_program_has_a_twin() -> None:
    assert {name for name in NAMES if not name.endswith("_healthy")} == {
        name.removesuffix("_healthy") for name in NAMES if name.endswith("_healthy")
    }
