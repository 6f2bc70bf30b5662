"""The check of source code around the analysis: what is found in folders, left out, fixed and reported."""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import steadynorm
from steadynorm import cli, source_check
from steadynorm.evidence import Evidence
from steadynorm.finding import Certainty, Finding, Severity
from steadynorm.fix import Edit
from steadynorm.program import Program
from steadynorm.source.editing.nodes import node_at
from steadynorm.source.fixes import registry
from steadynorm.source.fixes.arguments import remove_keyword, set_keyword
from steadynorm.source.reading.files import SourceFile

LAYER = "import torch\nx = torch.batch_norm({})\n"
"""A file with one call; the analysis below finds fault with every call without `ok=True`."""


class Analysis:
    """Stands for the analysis: every call of `batch_norm` that is not ok is an SN501, or an SN101 if it says so."""

    def __init__(self) -> None:
        self.files: Sequence[SourceFile] = ()

    def read(self, files: Sequence[SourceFile]) -> Program:
        self.files = files
        found = [node for file in files if file.subject for node in ast.walk(file.tree) if _is_layer(node)]
        return Program(tuple(file.path for file in files), normalizations=len(found))

    def run(
        self, evidence: Evidence, select: Iterable[str], ignore: Iterable[str]
    ) -> tuple[list[Finding], list[object]]:
        findings = []
        for file in self.files:
            for node in ast.walk(file.tree) if file.subject else ():
                if not isinstance(node, ast.Call) or not _is_layer(node):
                    continue
                names = {keyword.arg for keyword in node.keywords}
                code, severity = ("SN101", Severity.ERROR) if "bad" in names else ("SN501", Severity.INFO)
                if "ok" not in names and code.startswith(tuple(select) or "SN"):
                    place = file.place(node)
                    findings.append(
                        Finding(code, severity, Certainty.PROVEN, "", f"see {place}", "mend it", place=place)
                    )
        return findings, []


def _is_layer(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).endswith("batch_norm")


def _call(found: Finding, files: Mapping[str, SourceFile]) -> tuple[SourceFile, ast.Call]:
    assert found.place is not None
    file = files[found.place.path]
    call = node_at(file, found.place, ast.Call)
    assert call is not None
    return file, call


def _make_ok(found: Finding, files: Mapping[str, SourceFile]) -> tuple[Edit, ...]:
    return set_keyword(*_call(found, files), "ok", "True")


def _make_good(found: Finding, files: Mapping[str, SourceFile]) -> tuple[Edit, ...]:
    return remove_keyword(*_call(found, files), "bad")


@pytest.fixture(autouse=True)
def analysis(monkeypatch: pytest.MonkeyPatch) -> None:
    list(registry.with_fixes([], {}))  # registers the true ones, where they stay
    fake = Analysis()
    monkeypatch.setattr(source_check, "read", fake.read)
    monkeypatch.setattr(source_check, "run", fake.run)
    monkeypatch.setattr(
        registry,
        "_REGISTERED",
        {
            "SN501": [registry.Registered("make it ok", True, _make_ok)],
            "SN101": [registry.Registered("make it good", False, _make_good)],
        },
    )


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, newline="")
    return path


def notebook(*cells: str) -> str:
    return json.dumps({"cells": [{"cell_type": "code", "source": cell} for cell in cells]}, indent=1) + "\n"


def model(path: Path) -> Path:
    """A safetensors file with a mean that is not finite."""
    tensors = {
        "bn.running_mean": [np.nan, 1.0],
        "bn.running_var": [1.0, 2.0],
        "bn.weight": [1.0, 2.0],
        "bn.bias": [0.5, 1],
    }
    data = b"".join(np.array(each, np.float32).tobytes() for each in tensors.values())
    header = {
        name: {"dtype": "F32", "shape": [2], "data_offsets": [8 * index, 8 * index + 8]}
        for index, name in enumerate(tensors)
    }
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, ["check", *arguments])


def flat(result: Result) -> str:
    return " ".join(result.stdout.split())


def test_named_file_is_checked(here: Path) -> None:
    put(here / "train.py", LAYER.format("3, bad=1"))
    result = run("train.py")

    assert result.exit_code == 1
    assert flat(result).startswith(
        "train.py: 1 error, first SN101 updates-not-run. 1 Python file (torch), 1 place that "
    )
    assert "where train.py:2" in flat(result)
    assert result.stderr == ""


def test_healthy_file_exits_with_0_and_one_without_the_subject_with_3(here: Path) -> None:
    put(here / "train.py", LAYER.format("ok=True"))
    put(here / "other.py", "import os\n")

    assert run("train.py").exit_code == 0
    assert run("other.py").exit_code == 3


def test_folder_holds_sources_notebooks_and_models(here: Path) -> None:
    put(here / "a.py", LAYER.format(1))
    put(here / "sub" / "b.ipynb", notebook("import torch", "torch.batch_norm(1)"))
    put(here / "other.py", "import os\n")
    model(here / "m.safetensors")
    result = run(".", "--format", "json")
    parsed = json.loads(result.stdout)

    assert result.exit_code == 1
    assert [each["name"] for each in parsed["models"]] == ["m.safetensors", "."]
    assert parsed["models"][1]["origin"]["files"] == ["a.py", "sub/b.ipynb"]
    assert [each["location"] for each in parsed["models"][1]["findings"]] == ["a.py:2", "sub/b.ipynb:cell 2:1"]
    assert parsed["skipped"] == [{"reason": "source file without the subject", "files": 1}]
    assert "1 model with normalization layers and 2 source files checked; 1 error, 2 infos" in parsed["verdict"]


def test_places_in_notebooks_are_told_by_their_cells(here: Path) -> None:
    put(here / "b.ipynb", notebook("import torch", "torch.batch_norm(1)"))
    put(here / "a.py", LAYER.format(1))

    assert [found.message for found in steadynorm.check(".").findings] == ["see a.py:2", "see b.ipynb:cell 2:1"]


def test_sources_without_the_subject_beside_models_are_left_aside(here: Path) -> None:
    put(here / "other.py", "import os\n")
    model(here / "m.safetensors")
    result = steadynorm.check(".")

    assert [report.name for report in result.reports] == ["m.safetensors"]
    assert result.skipped == {"source file without the subject": 1}


@pytest.mark.parametrize(
    "folder",
    [
        ".venv/lib",
        "venv/lib",
        "node_modules/x",
        "__pycache__",
        ".git",
        "build/lib",
        "lib/site-packages/x",
        "a.egg-info",
    ],
)
def test_what_is_not_the_users_own_is_not_searched(here: Path, folder: str) -> None:
    put(here / folder / "a.py", LAYER.format(1))

    assert steadynorm.check(".").findings == ()
    assert len(steadynorm.check(here / folder / "a.py").findings) == 1


def test_package_called_build_is_the_users_own(here: Path) -> None:
    put(here / "net" / "build" / "__init__.py", LAYER.format(1))

    assert [found.location for found in steadynorm.check(".").findings] == ["net/build/__init__.py:2"]


def test_links_in_circles_are_safe(here: Path) -> None:
    put(here / "a" / "a.py", LAYER.format(1))
    (here / "a" / "up").symlink_to(here, target_is_directory=True)
    (here / "b").symlink_to(here / "a", target_is_directory=True)

    assert len(steadynorm.check(".").findings) == 1


def test_file_that_is_named_twice_is_read_once(here: Path) -> None:
    put(here / "a.py", LAYER.format(1))

    assert len(steadynorm.check(["a.py", ".", "./a.py", str(here / "a.py")]).findings) == 1


def test_excluded_sources_are_left_out(here: Path) -> None:
    put(here / "a.py", LAYER.format(1))
    put(here / "old" / "b.py", LAYER.format(1))

    assert [found.location for found in steadynorm.check(".", exclude=["old"]).findings] == ["a.py:2"]


def test_script_without_a_suffix_is_read_if_it_is_named(here: Path) -> None:
    put(here / "train", "#!/usr/bin/env python3\n" + LAYER.format(1))

    assert [found.location for found in steadynorm.check("train").findings] == ["train:3"]


def test_what_cannot_be_read_is_one_line_and_the_rest_is_checked(here: Path) -> None:
    put(here / "a.py", LAYER.format("bad=1"))
    put(here / "b.py", "import torch\nprint 'batch_norm'\n")
    put(here / "c.ipynb", notebook("import torch\ntorch.batch_norm(1)", "x = = 2"))
    result = run(".")

    assert result.exit_code == 2
    assert "Could not be read b.py:2: is Python 2; expected Python 3" in flat(result)
    assert "c.ipynb:cell 2:1: is not valid Python" in flat(result)
    assert "1 error, 1 info, first SN101" in flat(result)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("cut.ipynb", b'{"cells": [{"cell_type": "code", "source": ["import torch', "is a broken notebook: no JSON"),
        (
            "odd.ipynb",
            b'{"cells": [{"cell_type": "code", "source": null}]}',
            "is a broken notebook: the source of cell 1",
        ),
        ("wide.py", "import torch".encode("utf-16"), "is UTF-16, which Python does not read"),
    ],
)
def test_a_file_that_the_user_named_is_refused_without_the_subject_too(
    here: Path, name: str, data: bytes, reason: str
) -> None:
    (here / name).write_bytes(data)

    result = run(name)

    assert result.exit_code == 2
    assert f"{name}: nothing to check" in flat(result)
    assert f"Could not be read {name}: {reason}" in flat(result)
    assert run(".").exit_code == 3


def test_mistake_of_ours_costs_only_the_source(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(files: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr(source_check, "read", fail)
    put(here / "a.py", LAYER.format(1))
    model(here / "m.safetensors")
    result = steadynorm.check(".")

    assert len(result.reports) == 1
    assert "stopped by KeyError: 'x'; this is a mistake in steadynorm" in result.unread[0].reason


@pytest.mark.parametrize(
    ("imports", "framework"),
    [
        ("import io, torch", "torch"),
        ("import torch.nn as nn, os", "torch"),
        ("from . import data\nfrom .net import Net\nimport torch", "torch"),
        ("import os  # and torch", "python"),
    ],
)
def test_framework_is_that_of_the_imports(here: Path, imports: str, framework: str) -> None:
    (here / "net.py").write_text(f"{imports}\nx = torch.batch_norm(ok=True)\n")

    (report,) = steadynorm.check([str(here / "net.py")]).reports

    assert report.evidence.framework == framework


def test_project_is_named_by_the_folder_that_holds_it(here: Path) -> None:
    for name in ("src/a/x.py", "src/b/y.py"):
        put(here / name, LAYER.format(1))

    assert steadynorm.check("src").reports[0].name == "src"
    assert steadynorm.check(["src/a/x.py", "src/b"]).reports[0].name == "src"
    assert steadynorm.check(["src/a"]).reports[0].name == "src/a/x.py"


def test_comments_and_settings_leave_findings_out(here: Path) -> None:
    put(here / "a.py", "import torch\nx = torch.batch_norm(1)  # steadynorm: ignore[SN501]\n")
    put(here / "b.py", "import torch\nx = torch.batch_norm(1)  # steadynorm: ignore[SN1]\n")
    put(here / "tests" / "c.py", LAYER.format(1))
    put(here / "pyproject.toml", '[tool.steadynorm.per-file-ignores]\n"tests/*" = ["SN5"]\n')
    result = run(".")

    assert "where b.py:2" in flat(result)
    assert "1 info" in flat(result)
    assert "Not reported: 2 findings left out by comments or settings." in flat(result)
    assert "Comments b.py:2: this comment leaves out nothing" in flat(result)
    assert "Comments" not in run(".", "--select", "SN5").stdout


def test_settings_begin_at_their_file(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(here / "tests" / "c.py", LAYER.format(1))
    put(here / "pyproject.toml", '[tool.steadynorm.per-file-ignores]\n"tests/*" = ["SN5"]\n')
    monkeypatch.chdir(here / "tests")

    assert "1 finding left out" in flat(run("c.py"))


def test_safe_fixes_are_made_and_the_rest_is_reported(here: Path) -> None:
    path = put(here / "a.py", LAYER.format("1") + "y = torch.batch_norm(2, bad=1)\r\n")
    path.chmod(0o755)
    result = run(".", "--fix")

    assert path.read_bytes().decode() == LAYER.format("1, ok=True") + "y = torch.batch_norm(2, bad=1)\r\n"
    assert path.stat().st_mode & 0o777 == 0o755
    assert "Fixed: SN501 (1)." in flat(result)
    assert "1 error, first SN101" in flat(result)
    assert "make it good (--fix --unsafe-fixes" in flat(result)
    assert result.exit_code == 1


def test_fixes_are_made_until_none_is_left(here: Path) -> None:
    path = put(here / "a.py", LAYER.format("2, bad=1"))
    result = run(".", "--fix", "--unsafe-fixes")

    assert path.read_text() == LAYER.format("2, ok=True")
    assert "Fixed: SN101 (1), SN501 (1)." in flat(result)
    assert result.exit_code == 0
    once = path.read_bytes()
    assert "Fixed" not in run(".", "--fix", "--unsafe-fixes").stdout
    assert path.read_bytes() == once


def test_notebook_is_fixed(here: Path) -> None:
    path = put(here / "a.ipynb", notebook("%matplotlib inline", "import torch\ntorch.batch_norm(1)"))
    run(".", "--fix")

    assert path.read_text() == notebook("%matplotlib inline", "import torch\ntorch.batch_norm(1, ok=True)")


def test_fix_of_two_files_is_made_in_both_or_in_none(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def both(found: Finding, files: Mapping[str, SourceFile]) -> tuple[Edit, ...]:
        return (*_make_ok(found, files), Edit("b.py", 0, 0, "'→'\n"))

    monkeypatch.setitem(registry._REGISTERED, "SN501", [registry.Registered("both", True, both)])
    put(here / "a.py", LAYER.format("1"))
    put(here / "b.py", "# coding: ascii\nimport torch  # loss\n")
    put(here / "c.py", LAYER.format("ok=True"))
    result = run(".", "--fix")

    assert result.exit_code == 2
    assert "b.py: '→' cannot be written in ascii" in flat(result)
    assert (here / "a.py").read_text() == LAYER.format("1")


def test_difference_is_shown_and_nothing_changed(here: Path) -> None:
    text = LAYER.format("1")
    path = put(here / "a.py", text)
    result = run(".", "--diff")

    assert result.stdout == (
        "--- a.py\n+++ a.py\n@@ -1,2 +1,2 @@\n import torch\n-x = torch.batch_norm(1)\n"
        "+x = torch.batch_norm(1, ok=True)\n"
    )
    assert result.stderr.startswith("1 source file checked; 1 info.")
    assert path.read_text() == text
    assert run(".", "--diff", "--output", "p").exit_code == 0
    assert (here / "p").read_text() == result.stdout


def test_difference_without_fixes_says_so(here: Path) -> None:
    put(here / "a.py", LAYER.format("bad=1"))

    assert "No fix would change a file." in run(".", "--diff").stderr
    assert "-x = torch" in run(".", "--diff", "--unsafe-fixes").stdout


def test_file_that_cannot_be_written_is_told(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(here / "a.py", LAYER.format("1"))
    monkeypatch.setattr(os, "fsync", _full)
    result = run(".", "--fix")

    assert result.exit_code == 2
    assert "cannot write to" in flat(result)
    assert (here / "a.py").read_text() == LAYER.format("1")
    assert sorted(os.listdir(here)) == ["a.py"]


def _full(number: int) -> None:
    raise OSError(28, "No space left on device")


def test_baseline_hides_what_is_known(here: Path) -> None:
    path = put(here / "a.py", LAYER.format("1, bad=1"))
    model(here / "m.safetensors")
    written = run(".", "--write-baseline", "known.json")
    again = run(".", "--baseline", "known.json")

    assert (written.exit_code, written.stdout) == (0, "")
    assert written.stderr == "2 findings written to known.json.\n"
    assert again.exit_code == 0
    assert "Not reported: 2 findings of the baseline." in flat(again)
    path.write_text("import os\n" + path.read_text() + "y = torch.batch_norm(3, bad=1)\n")
    later = run(".", "--baseline", "known.json")
    assert later.exit_code == 1
    assert "where a.py:4" in flat(later)
    assert "where a.py:3" not in flat(later)
    path.unlink()
    assert "1 finding of the baseline is gone" in flat(run(".", "--baseline", "known.json"))


def test_baseline_of_the_settings_counts_and_is_not_fixed(here: Path) -> None:
    path = put(here / "a.py", LAYER.format("1"))
    run(".", "--write-baseline", "known.json")
    put(here / "pyproject.toml", '[tool.steadynorm]\nbaseline = "known.json"\n')

    assert "Not reported: 1 finding of the baseline." in flat(run(".", "--fix"))
    assert path.read_text() == LAYER.format("1")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--fix", "--diff"), "--fix and --diff contradict each other"),
        (("--unsafe-fixes",), "--unsafe-fixes needs --fix"),
        (("--write-baseline", "b", "--baseline", "c"), "--write-baseline writes all findings"),
        (("--baseline", "none.json"), "none.json: cannot be read: No such file or directory"),
        (("--write-baseline", "m.safetensors"), "a model or another file that is not text stands there"),
    ],
)
def test_options_that_contradict_are_one_line(here: Path, options: tuple[str, ...], said: str) -> None:
    model(here / "m.safetensors")
    put(here / "a.py", LAYER.format(1))
    result = run("a.py", *options)

    assert result.exit_code == 2
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1
