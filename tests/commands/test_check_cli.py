"""The command `check`: its exit codes, its options, its one-line messages, and what goes to which stream."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

import steadynorm
from steadynorm.artifacts.recognition import TABLE_MAGIC

SARIF = Path(__file__).parents[1] / "data" / "sarif-2.1.0.json"


def test_healthy_file_exits_with_0(here: Path, models: Any, run: Any) -> None:
    models.save(here / "a.safetensors", models.healthy)
    result = run("check", "a.safetensors")

    assert result.exit_code == 0
    assert run.flat(result).startswith("a.safetensors: nothing found. safetensors (torch), 1 normalization layer (1 ")
    assert "Findings None, in" in run.flat(result)
    assert result.stderr == ""


def test_findings_exit_with_1_and_are_on_stdout(here: Path, models: Any, run: Any) -> None:
    models.save(here / "a.safetensors", models.not_finite)
    result = run("check", "a.safetensors")

    assert result.exit_code == 1
    assert "1. ERROR SN701 not-finite (proven)" in run.flat(result)
    assert "where layer bn" in run.flat(result)
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert result.stderr == ""


def test_no_normalization_layer_exits_with_3(here: Path, models: Any, run: Any) -> None:
    models.save(here / "a.safetensors", models.plain)
    result = run("check", "a.safetensors")

    assert result.exit_code == 3
    assert result.stdout == "a.safetensors: nothing to check, the files have no normalization layers.\n"


def test_chosen_checks_that_cannot_be_made_exit_with_3_and_say_why(here: Path, models: Any, run: Any) -> None:
    models.save(here / "a.safetensors", models.healthy)
    result = run("check", "--select", "SN505,SN908", "a.safetensors")

    assert result.exit_code == 3
    assert run.flat(result).startswith(
        "a.safetensors: nothing assessed (it takes a live model and data: 'steadynorm diagnose'; no graph: it takes a "
        "MetaGraph, a SavedModel or another export). "
    )
    assert "nothing found" not in result.stdout.lower()
    assert "0 checks made (only SN505, SN908)." in run.flat(result)
    report = json.loads(run("check", "--select", "SN908", "--format", "json", "a.safetensors").stdout)
    assert report["models"][0]["checked"] == []
    assert [each["code"] for each in report["models"][0]["not_assessed"]] == ["SN908"]
    assert "nothing assessed (no graph: it takes" in report["verdict"]
    assert "nothing found" not in report["verdict"]


def test_one_check_that_can_be_made_is_enough_for_a_verdict(here: Path, models: Any, run: Any) -> None:
    models.save(here / "a.safetensors", models.healthy)
    result = run("check", "--select", "SN701,SN908", "a.safetensors")

    assert result.exit_code == 0
    assert result.stdout.startswith("a.safetensors: nothing found.")


def test_all_checks_left_out(here: Path, models: Any, run: Any) -> None:
    models.save(here / "a.safetensors", models.not_finite)
    result = run("check", "--ignore", "SN", "a.safetensors")

    assert result.exit_code == 3
    assert result.stdout.startswith("a.safetensors: nothing assessed (all checks were left out).")


def test_a_folder_in_which_nothing_can_be_assessed(here: Path, models: Any, run: Any) -> None:
    for name in "ab":
        models.save(here / f"{name}.safetensors", models.healthy)
    result = run("check", "--select", "SN908", ".")

    assert result.exit_code == 3
    assert "checked; nothing assessed (no graph: it takes a MetaGraph" in run.flat(result)
    assert "in all of them" in run.flat(result)
    assert "Nothing assessed in" in result.stdout
    assert "Nothing found" not in result.stdout


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("no.pt", "no.pt: there is no such file or folder, and no checkpoint of that prefix"),
        ("notes.txt", "notes.txt: is of no format that is read; expected "),
        ("cut.safetensors", "cut.safetensors: "),
        ("", "the path is empty; expected a file, a folder or the prefix of a checkpoint"),
    ],
)
def test_unusable_input_exits_with_2_and_one_line(here: Path, path: str, said: str, models: Any, run: Any) -> None:
    (here / "notes.txt").write_text("not a model")
    whole = models.save(here / "whole.safetensors", models.healthy).read_bytes()
    (here / "cut.safetensors").write_bytes(whole[:-5])
    result = run("check", path)

    assert result.exit_code == 2
    assert run.only_line(result).startswith(f"steadynorm: {said}")


def test_fail_on_never_does_not_hide_what_could_not_be_read(here: Path, models: Any, run: Any) -> None:
    models.save(here / "a.safetensors", models.not_finite)

    assert run("check", "a.safetensors", "--fail-on", "never").exit_code == 0
    assert run("check", "a.safetensors", "no.pt", "--fail-on", "never").exit_code == 2


@pytest.mark.parametrize(("severity", "code"), [(None, 0), ("info", 1), ("warning", 0)])
def test_fail_on_decides_over_the_exit_code(here: Path, severity: str | None, code: int, models: Any, run: Any) -> None:
    models.save(here / "a.safetensors", models.dead)
    options = () if severity is None else ("--fail-on", severity)
    result = run("check", "a.safetensors", *options)

    assert "INFO SN703" in result.stdout
    assert result.exit_code == code


def test_select_and_ignore_take_codes_and_prefixes(here: Path, models: Any, run: Any) -> None:
    models.save(here / "a.safetensors", models.not_finite)

    assert run("check", "a.safetensors", "--ignore", "sn7").exit_code == 0
    selected = run("check", "a.safetensors", "--select", "SN701")
    assert selected.exit_code == 1
    assert "1 check made (only SN701)" in run.flat(selected)


@pytest.mark.parametrize("option", ["--select", "--ignore"])
def test_unknown_code_exits_with_2_before_anything_is_read(here: Path, option: str, run: Any) -> None:
    result = run("check", "no.pt", option, "SN999")

    assert result.exit_code == 2
    assert "there is no check 'SN999'" in run.only_line(result)


def test_settings_hold_and_the_command_line_wins(here: Path, models: Any, run: Any) -> None:
    models.save(here / "runs" / "a.safetensors", models.not_finite)
    models.save(here / "runs" / "old" / "b.safetensors", models.not_finite)
    (here / "pyproject.toml").write_text('[tool.steadynorm]\nignore = ["SN701"]\nexclude = ["old"]\n')

    assert run("check", "runs").exit_code == 0
    assert "runs/a.safetensors: nothing found." in run.flat(run("check", "runs"))
    assert run("check", "runs", "--ignore", "SN5").exit_code == 1
    assert "2 models" in run.flat(run("check", "runs", "--exclude", "nothing"))
    # What is named is checked, wherever it lies.
    assert run("check", "runs/old/b.safetensors", "--ignore", "SN5").exit_code == 1


def test_fail_on_of_the_settings(here: Path, models: Any, run: Any) -> None:
    models.save(here / "a.safetensors", models.not_finite)
    (here / "pyproject.toml").write_text('[tool.steadynorm]\nfail-on = "never"\n')

    assert run("check", "a.safetensors").exit_code == 0
    assert run("check", "a.safetensors", "--fail-on", "error").exit_code == 1


def test_wrong_settings_exit_with_2_and_one_line(here: Path, run: Any) -> None:
    (here / "pyproject.toml").write_text("[tool.steadynorm]\nignored = []\n")
    result = run("check", "no.pt")

    assert result.exit_code == 2
    assert run.only_line(result) == (
        "steadynorm: pyproject.toml: [tool.steadynorm] has no option 'ignored'; did you mean 'ignore'?"
    )


def test_before_compares_with_an_earlier_checkpoint(here: Path, models: Any, run: Any) -> None:
    models.save(here / "old.safetensors", models.healthy)
    models.save(here / "new.safetensors", {**models.healthy, "conv.weight": np.full((4, 3), 0.75, np.float32)})
    result = run("check", "new.safetensors", "--before", "old.safetensors", "--format", "json")
    (model,) = json.loads(result.stdout)["models"]

    assert model["stored"]["before"] == ["bn"]
    assert model["stored"]["weights_moved"] == [{"name": "conv.weight", "change": pytest.approx(0.5)}]


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ("no.pt", "no.pt: there is no such file or folder"),
        (".", ".: holds 2 checkpoints (new.safetensors and old.safetensors); expected one, to compare with: name it"),
        ("empty", "empty: holds no checkpoint; expected one, to compare with: name it"),
    ],
)
def test_before_that_is_not_one_checkpoint_exits_with_2(
    here: Path, before: str, said: str, models: Any, run: Any
) -> None:
    models.save(here / "new.safetensors", models.healthy)
    models.save(here / "old.safetensors", models.healthy)
    models.save(here / "plain.safetensors", models.plain)
    (here / "empty").mkdir()
    result = run("check", "new.safetensors", "--before", before)

    assert result.exit_code == 2
    assert run.only_line(result).startswith(f"steadynorm: {said}")


def test_before_of_another_model_is_said(here: Path, models: Any, run: Any) -> None:
    models.save(here / "new.safetensors", models.healthy)
    models.save(here / "other.safetensors", models.plain)
    result = run("check", "new.safetensors", "--before", "other.safetensors")

    assert result.exit_code == 2
    assert "other.safetensors: has no normalization layer in common with what was checked" in run.flat(result)


def test_json_is_all_that_is_on_stdout(here: Path, models: Any, run: Any) -> None:
    models.save(here / "a.safetensors", models.not_finite)
    result = run("check", "a.safetensors", "no.pt", "--format", "json")
    parsed = json.loads(result.stdout)

    assert result.exit_code == 2
    assert parsed["schema"] == "steadynorm-check/1"
    assert parsed["models"][0]["findings"][0]["code"] == "SN701"
    assert [each["path"] for each in parsed["unread"]] == ["no.pt"]
    assert result.stderr.startswith("steadynorm: no.pt: there is no such file")


def test_sarif_is_valid(here: Path, models: Any, run: Any) -> None:
    models.save(here / "a.safetensors", models.not_finite)
    parsed = json.loads(run("check", "a.safetensors", "--format", "sarif").stdout)

    jsonschema.Draft4Validator(json.loads(SARIF.read_text(encoding="utf-8"))).validate(parsed)
    assert parsed["runs"][0]["results"][0]["ruleId"] == "SN701"


def test_github_has_one_command_per_finding(here: Path, models: Any, run: Any) -> None:
    models.save(here / "a.safetensors", models.not_finite)
    models.save(here / "b.safetensors", models.healthy)

    assert run("check", "b.safetensors", "--format", "github").stdout == ""
    (line,) = run("check", "a.safetensors", "--format", "github").stdout.splitlines()
    assert line.startswith("::error file=a.safetensors,title=SN701 not-finite::a.safetensors: layer bn: ")


def test_output_takes_the_report(here: Path, models: Any, run: Any) -> None:
    models.save(here / "a.safetensors", models.not_finite)
    result = run("check", "a.safetensors", "no.pt", "--format", "sarif", "--output", "report.sarif")

    assert result.exit_code == 2
    assert result.stdout == ""
    assert json.loads((here / "report.sarif").read_text(encoding="utf-8"))["version"] == "2.1.0"
    assert [line.split(":")[0] for line in result.stderr.splitlines()] == [
        "1 model with normalization layers checked; 1 error; 1 file could not be read. The report is in report.sarif.",
        "steadynorm",
    ]


def test_output_that_cannot_be_written_is_refused_before_anything_is_read(here: Path, run: Any) -> None:
    assert "there is no folder" in run.only_line(run("check", "no.pt", "--output", here / "no" / "r.txt"))


def test_files_are_never_changed(here: Path, models: Any, run: Any) -> None:
    path = models.save(here / "a.safetensors", models.not_finite)
    os.utime(path, (1, 1))
    before = path.read_bytes()
    run("check", ".")

    assert path.read_bytes() == before
    assert path.stat().st_mtime == 1
    assert [each.name for each in here.iterdir()] == ["a.safetensors"]


def test_function_gives_the_same_as_the_command(here: Path, models: Any, run: Any) -> None:
    path = models.save(here / "a.safetensors", models.not_finite)
    result = steadynorm.check(path)

    assert str(result) + "\n" == run("check", path).stdout
    assert result.exit_status() == 1
    assert steadynorm.check([path, "no.pt"], ignore="SN7").unread == (
        steadynorm.Unread("no.pt", "no.pt: there is no such file or folder, and no checkpoint of that prefix"),
    )


def test_as_a_process_the_exit_code_and_the_streams_are_the_same(here: Path, models: Any, run: Any) -> None:
    models.save(here / "a.safetensors", models.not_finite)
    result = run.process("check", ".", "--format", "json")

    assert result.returncode == 1
    assert json.loads(result.stdout)["models"][0]["findings"][0]["code"] == "SN701"
    assert result.stderr == ""


def test_reader_that_has_seen_enough_gets_no_traceback(here: Path, models: Any) -> None:
    for number in range(300):
        models.save(here / f"{number}.safetensors", models.not_finite)
    command = f"{sys.executable} -m steadynorm check . | head -1"
    result = subprocess.run(command, shell=True, cwd=here, capture_output=True, text=True, timeout=60, check=False)

    assert result.stdout.startswith("300 models with normalization layers checked")
    assert "Traceback" not in result.stderr
    assert "BrokenPipe" not in result.stderr


def without(folder: Path, *modules: str) -> str:
    """A search path for Python on which these modules are not to be had."""
    (folder / "sitecustomize.py").write_text(f"import sys\nfor name in {modules}:\n    sys.modules[name] = None\n")
    return os.pathsep.join([str(folder), *sys.path])


def test_safetensors_take_no_framework_and_no_extra(
    here: Path, tmp_path_factory: pytest.TempPathFactory, models: Any, run: Any
) -> None:
    frameworks = ("torch", "tensorflow", "keras", "jax", "onnx")
    extras = ("google", "h5py", "msgpack", "fsspec", "cramjam", "tensorstore")
    models.save(here / "a.safetensors", models.healthy)
    result = run.process("check", ".", PYTHONPATH=without(tmp_path_factory.mktemp("bare"), *frameworks, *extras))

    assert (result.returncode, result.stderr) == (0, "")


def test_missing_extra_is_one_line_that_names_it(
    here: Path, tmp_path_factory: pytest.TempPathFactory, run: Any
) -> None:
    (here / "model.index").write_bytes(bytes(40) + TABLE_MAGIC)
    result = run.process("check", "model", PYTHONPATH=without(tmp_path_factory.mktemp("bare"), "google"))

    assert (result.returncode, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert "model.index (TensorFlow checkpoint) needs protobuf, which is not installed: pip install" in line
    assert line.endswith("'steadynorm[files]'")


def test_the_readme_shows_what_a_check_prints(monkeypatch: pytest.MonkeyPatch, run: Any) -> None:
    root = Path(__file__).parents[2]
    monkeypatch.chdir(root)
    command, shown = (root / "README.md").read_text(encoding="utf-8").split("$ steadynorm check ", 1)[1].split("\n", 1)

    assert shown.split("```")[0] == run("check", *command.split()).stdout
