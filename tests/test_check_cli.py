"""The command `check`: what it finds in files, its exit codes, its one-line messages, and what goes to which stream."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from typer.testing import CliRunner, Result

import steadynorm
from steadynorm import cli
from steadynorm.artifacts import formats
from steadynorm.artifacts.recognition import TABLE_MAGIC

SARIF = Path(__file__).parent / "data" / "sarif-2.1.0.json"

HEALTHY = {
    "conv.weight": np.full((4, 3), 0.5, np.float32),
    "bn.weight": np.array([1.5, 0.5, 2.0, 1.0], np.float32),
    "bn.bias": np.array([0.5, -0.5, 0.25, 0.0], np.float32),
    "bn.running_mean": np.array([0.5, 0.25, -0.5, 1.0], np.float32),
    "bn.running_var": np.array([0.5, 2.0, 1.5, 0.75], np.float32),
    "bn.num_batches_tracked": np.array(1000, np.int64),
}
NOT_FINITE = {**HEALTHY, "bn.running_mean": np.array([0.5, np.nan, -0.5, 1.0], np.float32)}
DEAD = {**HEALTHY, "bn.weight": np.array([1.5, 0.0, 2.0, 1.0], np.float32)}
PLAIN = {"linear.weight": np.ones((2, 2), np.float32)}

TYPES = {"float32": "F32", "int64": "I64"}


def save(path: Path, tensors: Mapping[str, np.ndarray]) -> Path:
    """A safetensors file, by its specification."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header, data = {}, b""
    for name, values in tensors.items():
        raw = values.tobytes()
        header[name] = {
            "dtype": TYPES[values.dtype.name],
            "shape": list(values.shape),
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in which the command runs; no pyproject.toml above it has settings."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: object) -> Result:
    """Runs a command in this process."""
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def flat(result: Result) -> str:
    return " ".join(result.stdout.split())


def only_line(result: Result) -> str:
    """What stderr says, which must be one line; stdout must be empty."""
    assert result.stdout == ""
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    return lines[0]


def test_healthy_file_exits_with_0(here: Path) -> None:
    save(here / "a.safetensors", HEALTHY)
    result = run("check", "a.safetensors")

    assert result.exit_code == 0
    assert flat(result).startswith("a.safetensors: nothing found. safetensors (torch), 1 normalization layer (1 ")
    assert "Findings None, in" in flat(result)
    assert result.stderr == ""


def test_findings_exit_with_1_and_are_on_stdout(here: Path) -> None:
    save(here / "a.safetensors", NOT_FINITE)
    result = run("check", "a.safetensors")

    assert result.exit_code == 1
    assert "1. ERROR SN701 not-finite (proven)" in flat(result)
    assert "where layer bn" in flat(result)
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert result.stderr == ""


def test_no_normalization_layer_exits_with_3(here: Path) -> None:
    save(here / "a.safetensors", PLAIN)
    result = run("check", "a.safetensors")

    assert result.exit_code == 3
    assert result.stdout == "a.safetensors: nothing to check, the files have no normalization layers.\n"


def test_empty_folder_exits_with_3(here: Path) -> None:
    result = run("check", ".")

    assert result.exit_code == 3
    assert result.stdout == "0 models with normalization layers checked; nothing of a known format was found.\n"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("no.pt", "no.pt: there is no such file or folder, and no checkpoint of that prefix"),
        ("notes.txt", "notes.txt: is of no format that is read; expected "),
        ("cut.safetensors", "cut.safetensors: "),
        ("", "the path is empty; expected a file, a folder or the prefix of a checkpoint"),
    ],
)
def test_unusable_input_exits_with_2_and_one_line(here: Path, path: str, said: str) -> None:
    (here / "notes.txt").write_text("not a model")
    whole = save(here / "whole.safetensors", HEALTHY).read_bytes()
    (here / "cut.safetensors").write_bytes(whole[:-5])
    result = run("check", path)

    assert result.exit_code == 2
    assert only_line(result).startswith(f"steadynorm: {said}")


def test_run_goes_on_past_what_cannot_be_read_and_exits_with_2(here: Path) -> None:
    save(here / "runs" / "bad.safetensors", NOT_FINITE)
    whole = save(here / "runs" / "fine.safetensors", HEALTHY).read_bytes()
    (here / "runs" / "cut.safetensors").write_bytes(whole[:-5])
    result = run("check", "runs", "no.pt")

    assert result.exit_code == 2
    assert "2 models with normalization layers checked; 1 error in 1 of them; 2 files could not be read." in flat(
        result
    )
    assert "ERROR SN701" in result.stdout
    assert "Nothing found in runs/fine.safetensors (safetensors, 1 layer)" in flat(result)
    assert "Could not be read no.pt: there is no such file" in flat(result)
    assert "runs/cut.safetensors: " in flat(result)
    assert result.stderr == ""


def test_fail_on_never_does_not_hide_what_could_not_be_read(here: Path) -> None:
    save(here / "a.safetensors", NOT_FINITE)

    assert run("check", "a.safetensors", "--fail-on", "never").exit_code == 0
    assert run("check", "a.safetensors", "no.pt", "--fail-on", "never").exit_code == 2


@pytest.mark.parametrize(("severity", "code"), [(None, 0), ("info", 1), ("warning", 0)])
def test_fail_on_decides_over_the_exit_code(here: Path, severity: str | None, code: int) -> None:
    save(here / "a.safetensors", DEAD)
    options = () if severity is None else ("--fail-on", severity)
    result = run("check", "a.safetensors", *options)

    assert "INFO SN703" in result.stdout
    assert result.exit_code == code


def test_select_and_ignore_take_codes_and_prefixes(here: Path) -> None:
    save(here / "a.safetensors", NOT_FINITE)

    assert run("check", "a.safetensors", "--ignore", "sn7").exit_code == 0
    selected = run("check", "a.safetensors", "--select", "SN701")
    assert selected.exit_code == 1
    assert "1 check made (only SN701)" in flat(selected)


@pytest.mark.parametrize("option", ["--select", "--ignore"])
def test_unknown_code_exits_with_2_before_anything_is_read(here: Path, option: str) -> None:
    result = run("check", "no.pt", option, "SN999")

    assert result.exit_code == 2
    assert "there is no check 'SN999'" in only_line(result)


def test_settings_hold_and_the_command_line_wins(here: Path) -> None:
    save(here / "runs" / "a.safetensors", NOT_FINITE)
    save(here / "runs" / "old" / "b.safetensors", NOT_FINITE)
    (here / "pyproject.toml").write_text('[tool.steadynorm]\nignore = ["SN701"]\nexclude = ["old"]\n')

    assert run("check", "runs").exit_code == 0
    assert "runs/a.safetensors: nothing found." in flat(run("check", "runs"))
    assert run("check", "runs", "--ignore", "SN5").exit_code == 1
    assert "2 models" in flat(run("check", "runs", "--exclude", "nothing"))
    # What is named is checked, wherever it lies.
    assert run("check", "runs/old/b.safetensors", "--ignore", "SN5").exit_code == 1


def test_fail_on_of_the_settings(here: Path) -> None:
    save(here / "a.safetensors", NOT_FINITE)
    (here / "pyproject.toml").write_text('[tool.steadynorm]\nfail-on = "never"\n')

    assert run("check", "a.safetensors").exit_code == 0
    assert run("check", "a.safetensors", "--fail-on", "error").exit_code == 1


def test_wrong_settings_exit_with_2_and_one_line(here: Path) -> None:
    (here / "pyproject.toml").write_text("[tool.steadynorm]\nignored = []\n")
    result = run("check", "no.pt")

    assert result.exit_code == 2
    assert only_line(result) == (
        "steadynorm: pyproject.toml: [tool.steadynorm] has no option 'ignored'; did you mean 'ignore'?"
    )


def test_before_compares_with_an_earlier_checkpoint(here: Path) -> None:
    save(here / "old.safetensors", HEALTHY)
    save(here / "new.safetensors", {**HEALTHY, "conv.weight": np.full((4, 3), 0.75, np.float32)})
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
def test_before_that_is_not_one_checkpoint_exits_with_2(here: Path, before: str, said: str) -> None:
    save(here / "new.safetensors", HEALTHY)
    save(here / "old.safetensors", HEALTHY)
    save(here / "plain.safetensors", PLAIN)
    (here / "empty").mkdir()
    result = run("check", "new.safetensors", "--before", before)

    assert result.exit_code == 2
    assert only_line(result).startswith(f"steadynorm: {said}")


def test_before_of_another_model_is_said(here: Path) -> None:
    save(here / "new.safetensors", HEALTHY)
    save(here / "other.safetensors", PLAIN)
    result = run("check", "new.safetensors", "--before", "other.safetensors")

    assert result.exit_code == 2
    assert "other.safetensors: has no normalization layer in common with what was checked" in flat(result)


def test_ranks_of_one_run_are_one_model(here: Path) -> None:
    for rank in range(4):
        save(here / f"rank{rank}.safetensors", HEALTHY)
    result = run("check", ".")

    assert "compared with 3 other ranks" in flat(result)
    assert "rank0.safetensors: nothing found" in flat(result)


def test_shards_without_an_index_are_put_together(here: Path) -> None:
    names = list(HEALTHY)
    save(here / "m-00001-of-00002.safetensors", {name: HEALTHY[name] for name in names[:3]})
    save(here / "m-00002-of-00002.safetensors", {name: HEALTHY[name] for name in names[3:]})
    result = run("check", ".", "--format", "json")
    (model,) = json.loads(result.stdout)["models"]

    assert [layer["name"] for layer in model["layers"]] == ["bn"]
    assert model["origin"]["files"] == ["m-00001-of-00002.safetensors", "m-00002-of-00002.safetensors"]
    assert model["findings"] == []


def test_files_of_a_run_that_only_look_alike_are_models_of_their_own(here: Path) -> None:
    save(here / "rank0.safetensors", HEALTHY)
    save(here / "rank1.safetensors", {**PLAIN, "conv.weight": HEALTHY["conv.weight"]})
    result = run("check", ".", "--format", "json")

    assert [model["name"] for model in json.loads(result.stdout)["models"]] == [
        "rank0.safetensors",
        "rank1.safetensors",
    ]


def test_json_is_all_that_is_on_stdout(here: Path) -> None:
    save(here / "a.safetensors", NOT_FINITE)
    result = run("check", "a.safetensors", "no.pt", "--format", "json")
    parsed = json.loads(result.stdout)

    assert result.exit_code == 2
    assert parsed["schema"] == "steadynorm-check/1"
    assert parsed["models"][0]["findings"][0]["code"] == "SN701"
    assert [each["path"] for each in parsed["unread"]] == ["no.pt"]
    assert result.stderr.startswith("steadynorm: no.pt: there is no such file")


def test_sarif_is_valid(here: Path) -> None:
    save(here / "a.safetensors", NOT_FINITE)
    parsed = json.loads(run("check", "a.safetensors", "--format", "sarif").stdout)

    jsonschema.Draft4Validator(json.loads(SARIF.read_text(encoding="utf-8"))).validate(parsed)
    assert parsed["runs"][0]["results"][0]["ruleId"] == "SN701"


def test_github_has_one_command_per_finding(here: Path) -> None:
    save(here / "a.safetensors", NOT_FINITE)
    save(here / "b.safetensors", HEALTHY)

    assert run("check", "b.safetensors", "--format", "github").stdout == ""
    (line,) = run("check", "a.safetensors", "--format", "github").stdout.splitlines()
    assert line.startswith("::error file=a.safetensors,title=SN701 not-finite::a.safetensors: layer bn: ")


def test_output_takes_the_report(here: Path) -> None:
    save(here / "a.safetensors", NOT_FINITE)
    result = run("check", "a.safetensors", "no.pt", "--format", "sarif", "--output", "report.sarif")

    assert result.exit_code == 2
    assert result.stdout == ""
    assert json.loads((here / "report.sarif").read_text(encoding="utf-8"))["version"] == "2.1.0"
    assert [line.split(":")[0] for line in result.stderr.splitlines()] == [
        "1 model with normalization layers checked; 1 error; 1 file could not be read. The report is in report.sarif.",
        "steadynorm",
    ]


def test_output_that_cannot_be_written_is_refused_before_anything_is_read(here: Path) -> None:
    assert "there is no folder" in only_line(run("check", "no.pt", "--output", here / "no" / "r.txt"))


def test_files_are_never_changed(here: Path) -> None:
    path = save(here / "a.safetensors", NOT_FINITE)
    os.utime(path, (1, 1))
    before = path.read_bytes()
    run("check", ".")

    assert path.read_bytes() == before
    assert path.stat().st_mtime == 1
    assert [each.name for each in here.iterdir()] == ["a.safetensors"]


def test_names_of_any_alphabet_and_of_none(here: Path) -> None:
    save(here / "模型 ü.safetensors", {name.replace("bn", "層"): values for name, values in NOT_FINITE.items()})
    save(here / os.fsdecode(b"caf\xe9\x1b[2J.safetensors"), NOT_FINITE)
    result = run("check", ".")

    assert result.exit_code == 1
    assert "模型 ü.safetensors: 1 error" in flat(result)
    assert "where layer 層" in flat(result)
    assert "caf\\xe9\\x1b[2J.safetensors: 1 error" in flat(result)
    assert json.loads(run("check", ".", "--format", "json").stdout)["counts"]["error"] == 2


def test_name_with_the_end_of_a_line_makes_no_line_of_its_own(here: Path) -> None:
    save(here / "a\nb.safetensors", NOT_FINITE)
    (here / "c\n::error::d.safetensors").write_bytes((here / "a\nb.safetensors").read_bytes()[:-5])
    result = run("check", ".", "--format", "github")

    assert [line[:12] for line in result.stdout.splitlines()] == ["::error file", "::error file"]
    assert len(result.stderr.splitlines()) == 1
    assert run("check", ".").stdout.splitlines()[0].startswith("a\\nb.safetensors: 1 error")


def test_function_gives_the_same_as_the_command(here: Path) -> None:
    path = save(here / "a.safetensors", NOT_FINITE)
    result = steadynorm.check(path)

    assert str(result) + "\n" == run("check", path).stdout
    assert result.exit_status() == 1
    assert steadynorm.check([path, "no.pt"], ignore="SN7").unread == (
        steadynorm.Unread("no.pt", "no.pt: there is no such file or folder, and no checkpoint of that prefix"),
    )


def test_several_processes_find_the_same_as_one(here: Path) -> None:
    for number in range(120):
        save(here / "runs" / f"{number}.safetensors", NOT_FINITE if number % 50 == 7 else HEALTHY)
    (here / "runs" / "cut.safetensors").write_bytes((here / "runs" / "0.safetensors").read_bytes()[:-5])
    alone, together = (steadynorm.check("runs", workers=workers).to_json() for workers in (1, 2))

    assert together == alone
    assert json.loads(alone)["counts"]["error"] == 3


def test_graph_and_checkpoint_are_read_together() -> None:
    corpus = Path(__file__).parent / "data" / "corpus" / "06-dense-net"
    result = steadynorm.check(corpus / "model.ckpt.meta")
    (report,) = result.reports

    assert report.origin is not None
    assert report.origin.format == "TensorFlow checkpoint and MetaGraph"
    assert [Path(path).name for path in report.origin.files] == ["model.ckpt.index", "model.ckpt.meta"]
    assert report.evidence.graph is not None
    assert report.evidence.stored is not None
    assert str(steadynorm.check(corpus)) == str(result)


def test_graph_that_is_damaged_leaves_what_the_checkpoint_says(here: Path) -> None:
    corpus = Path(__file__).parent / "data" / "corpus" / "06-dense-net"
    for path in corpus.iterdir():
        (here / path.name).write_bytes(path.read_bytes())
    graph = here / "model.ckpt.meta"
    graph.write_bytes(graph.read_bytes()[:-1000])
    result = steadynorm.check(".")

    assert [unread.path for unread in result.unread] == ["model.ckpt.meta"]
    (report,) = result.reports
    assert report.evidence.graph is None
    assert "SN103" in [found.code for found in report.findings]
    assert result.exit_status() == 2


def test_mistake_of_ours_over_one_file_does_not_cost_the_others(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(here / "a.safetensors", HEALTHY)
    save(here / "b.safetensors", HEALTHY)
    read = formats.read

    def mistaken(path: str) -> object:
        if path == "a.safetensors":
            raise KeyError("weight\nof nothing")
        return read(path)

    monkeypatch.setattr(formats, "read", mistaken)
    result = steadynorm.check(".")

    assert [report.name for report in result.reports] == ["b.safetensors"]
    (unread,) = result.unread
    assert unread.reason == (
        "a.safetensors: stopped by KeyError: 'weight\\nof nothing'; this is a mistake in steadynorm, report it"
    )


def test_file_that_vanishes_before_it_is_read_is_left_aside(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(here / "runs" / "a.safetensors", HEALTHY)
    save(here / "runs" / "b.safetensors", HEALTHY)
    read = formats.read

    def vanishing(path: str) -> object:
        if path == "runs/a.safetensors":
            os.unlink(path)
        return read(path)

    monkeypatch.setattr(formats, "read", vanishing)
    result = steadynorm.check("runs")

    assert [report.name for report in result.reports] == ["runs/b.safetensors"]
    assert not result.unread


def test_pickle_that_is_no_model_is_left_aside_unless_it_is_named(here: Path) -> None:
    save(here / "a.safetensors", HEALTHY)
    (here / "cache.pkl").write_bytes(pickle.dumps({"words": ["a", "b"]}))

    assert run("check", ".").exit_code == 0
    assert "Left aside: pickle without tensors (1)." in flat(run("check", "."))
    assert run("check", "cache.pkl").exit_code == 2


def test_ranks_that_differ_are_found(here: Path) -> None:
    for rank in range(3):
        mean = HEALTHY["bn.running_mean"] + (5 if rank == 2 else 0)
        save(here / f"rank{rank}.safetensors", {**HEALTHY, "bn.running_mean": mean.astype(np.float32)})
    result = run("check", ".")

    assert result.exit_code == 1
    assert "WARNING SN402 replicas-differ" in flat(result)
    assert "compared with 2 other ranks" in flat(result)


def process(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "steadynorm", *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def test_as_a_process_the_exit_code_and_the_streams_are_the_same(here: Path) -> None:
    save(here / "a.safetensors", NOT_FINITE)
    result = process(here, "check", ".", "--format", "json")

    assert result.returncode == 1
    assert json.loads(result.stdout)["models"][0]["findings"][0]["code"] == "SN701"
    assert result.stderr == ""


def test_reader_that_has_seen_enough_gets_no_traceback(here: Path) -> None:
    for number in range(300):
        save(here / f"{number}.safetensors", NOT_FINITE)
    command = f"{sys.executable} -m steadynorm check . | head -1"
    result = subprocess.run(command, shell=True, cwd=here, capture_output=True, text=True, timeout=60, check=False)

    assert result.stdout.startswith("300 models with normalization layers checked")
    assert "Traceback" not in result.stderr
    assert "BrokenPipe" not in result.stderr


def without(folder: Path, *modules: str) -> str:
    """A search path for Python on which these modules are not to be had."""
    (folder / "sitecustomize.py").write_text(f"import sys\nfor name in {modules}:\n    sys.modules[name] = None\n")
    return os.pathsep.join([str(folder), *sys.path])


def test_safetensors_take_no_framework_and_no_extra(here: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    frameworks = ("torch", "tensorflow", "keras", "jax", "onnx")
    extras = ("google", "h5py", "msgpack", "fsspec", "cramjam", "tensorstore")
    save(here / "a.safetensors", HEALTHY)
    result = process(here, "check", ".", PYTHONPATH=without(tmp_path_factory.mktemp("bare"), *frameworks, *extras))

    assert (result.returncode, result.stderr) == (0, "")


def test_missing_extra_is_one_line_that_names_it(here: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    (here / "model.index").write_bytes(bytes(40) + TABLE_MAGIC)
    result = process(here, "check", "model", PYTHONPATH=without(tmp_path_factory.mktemp("bare"), "google"))

    assert (result.returncode, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert "model.index (TensorFlow checkpoint) needs protobuf, which is not installed: pip install" in line
    assert line.endswith("'steadynorm[files]'")


def test_thousand_checkpoints_in_a_folder(here: Path) -> None:
    for number in range(1000):
        save(here / "runs" / f"{number}.safetensors", HEALTHY)
    begin = time.perf_counter()
    result = run("check", "runs")

    assert flat(result).startswith("1000 models with normalization layers checked; nothing found.")
    assert "and 988 more" in flat(result)
    assert time.perf_counter() - begin < 30


def test_the_readme_shows_what_a_check_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).parents[1]
    monkeypatch.chdir(root)
    command, shown = (root / "README.md").read_text(encoding="utf-8").split("$ steadynorm check ", 1)[1].split("\n", 1)

    assert shown.split("```")[0] == run("check", *command.split()).stdout
