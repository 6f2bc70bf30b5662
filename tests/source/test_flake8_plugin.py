"""The plugin of flake8 shows what the command shows of one file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from steadynorm import source_check
from steadynorm.evidence import Evidence
from steadynorm.finding import Certainty, Finding, Severity
from steadynorm.integrations.flake8 import Plugin
from steadynorm.place import Place
from steadynorm.program import Program

TEXT = "import torch\n'ü'; x = torch.batch_norm(1)\ny = torch.batch_norm(2)  # steadynorm: ignore\n"


@pytest.fixture
def _analysis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands for the analysis: a finding in the second line and one in the third."""
    places = (Place("a.py", 2, 10, 2, 28), Place("a.py", 3, 4, 3, 22))
    found = [Finding("SN501", Severity.INFO, Certainty.PROVEN, "", "has a bias", "x", place=each) for each in places]

    def run(evidence: Evidence, *_: object) -> tuple[list[Finding], list[object]]:
        return found, []

    monkeypatch.setattr(source_check, "read", lambda files: Program(("a.py",), normalizations=1))
    monkeypatch.setattr(source_check, "run", run)


@pytest.mark.usefixtures("_analysis")
def test_findings_have_their_line_and_column() -> None:
    found = list(Plugin(None, "a.py", TEXT.splitlines(keepends=True)).run())  # type: ignore[arg-type]

    assert found == [(2, 9, "SN501 has a bias", Plugin)]


def test_files_without_the_subject_bring_nothing_along() -> None:
    code = (
        "import sys; from steadynorm.integrations.flake8 import Plugin\n"
        "assert not list(Plugin(None, 'a.py', ['import os\\n']).run()); assert 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


PROGRAM = """import torch.nn as nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.norm = nn.BatchNorm2d(8, momentum=0.99)
        self.head = nn.Conv2d(8, 2, 1)

    def forward(self, x):
        return self.head(self.norm(self.conv(x)).relu())
"""


def test_flake8_takes_it(tmp_path: Path) -> None:
    pytest.importorskip("flake8")
    (tmp_path / "a.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "flake8", "--isolated", "--select", "SN", "-j1", "a.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert [line[:16] for line in done.stdout.splitlines()] == ["a.py:7:21: SN501", "a.py:8:21: SN510"]
    assert done.stderr == ""


@pytest.mark.parametrize(("text", "expected"), [("import os\n", 0), ("import torch\nbatch_norm = = 1\n", 2)])
def test_hook_passes_what_is_about_something_else(tmp_path: Path, text: str, expected: int) -> None:
    (tmp_path / "a.py").write_text(text)
    command = [sys.executable, "-m", "steadynorm.integrations.pre_commit", "--fail-on", "warning", "a.py"]

    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == expected


def test_project_says_where_the_plugin_is() -> None:
    import tomllib

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert json.dumps(project["entry-points"]["flake8.extension"]) == '{"SN": "steadynorm.integrations.flake8:Plugin"}'


def test_hooks_name_a_command_that_there_is() -> None:
    hooks = (Path(__file__).parents[2] / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")

    assert hooks.count("  entry: python -m steadynorm.integrations.pre_commit\n") == hooks.count("- id: ") == 2
