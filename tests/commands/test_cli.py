"""The commands: exit codes, their one-line messages, and what goes to which stream."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

import steadynorm
from steadynorm.checks.catalogue import CATALOGUE

pytest.importorskip("torch")
pytest.importorskip("sklearn")

SUBJECT = """
import torch
from sklearn.datasets import load_digits
from torch import nn

import steadynorm

torch.manual_seed(0)
images, labels = load_digits(return_X_y=True)
x = torch.tensor(images / 16, dtype=torch.float32).view(-1, 1, 8, 8)
y = torch.tensor(labels)
batches = list(zip(x.split(64), y.split(64)))[:12]
loss = nn.CrossEntropyLoss()


def accuracy(output, target):
    return (output.argmax(1) == target).float().mean()


def make(layer=True, data=batches):
    # Weights as they come, a scale as if trained, and statistics that are the mean over all batches.
    norm = nn.BatchNorm2d(8, momentum=None) if layer else nn.Identity()
    model = nn.Sequential(nn.Conv2d(1, 8, 3, bias=False), norm, nn.ReLU(), nn.Flatten(), nn.Linear(288, 10))
    with torch.no_grad():
        if layer:
            norm.weight.fill_(3.0)
        for inputs, _ in batches:
            model(inputs)
    return steadynorm.Subject(model, data, loss=loss, metric=accuracy, name="digits")


def healthy():
    print("built a healthy one")
    return make()


def broken():
    subject = make()
    subject.model[1].reset_running_stats()
    return subject


def plain():
    return make(layer=False)


def empty():
    return make(data=[])


def refused():
    return make(data=[(torch.zeros(4, 3), torch.zeros(4, dtype=torch.int64))])


def not_finite():
    bad = x[:64].clone()
    bad[3] = float("nan")
    return make(data=[(bad, y[:64])])


def stops():
    raise SystemExit(0)


def fails():
    raise KeyError("weights.pt")


def needs(path, size):
    return make()


number = 3
"""


def line_of(code: str) -> int:
    return next(number for number, line in enumerate(SUBJECT.splitlines(), 1) if code in line)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("subjects")
    (folder / "cases.py").write_text(SUBJECT)
    (folder / "notes.txt").write_text("not Python")
    return folder


@pytest.fixture
def run(run: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a command in the folder that holds cases.py."""
    monkeypatch.chdir(folder)
    return run


def test_findings_exit_with_1_and_are_on_stdout(run: Any) -> None:
    result = run("diagnose", "cases.py:broken")

    assert result.exit_code == 1
    assert result.stdout.startswith("digits: metric 0.")
    assert "ERROR SN103 statistics-at-initialization" in result.stdout
    assert result.stderr == ""


def test_nothing_found_exits_with_0_and_the_prints_of_the_file_go_to_stderr(run: Any) -> None:
    result = run("diagnose", "cases.py:healthy")

    assert result.exit_code == 0
    assert "nothing found" in run.flat(result)
    assert "built a healthy one" not in result.stdout
    assert "built a healthy one" in result.stderr


def test_nothing_to_check_exits_with_3(run: Any) -> None:
    result = run("diagnose", "cases.py:plain")

    assert result.exit_code == 3
    assert "the model has no normalization layers" in result.stdout


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("cases.py", "'cases.py' names no subject: expected FILE.py:NAME or module:NAME"),
        ("nowhere.py:subject", "there is no file nowhere.py (looked in "),
        (".:subject", "there is no module '.'"),
        ("./:subject", "is a folder; expected a Python file"),
        ("no.such.module:subject", "there is no module 'no.such.module'"),
        ("notes.txt:subject", "notes.txt is not a Python file"),
        ("cases.py:absent", "cases.py has no 'absent'; it has 'make', 'healthy', 'broken'"),
        ("cases.py:number", "number of cases.py is of type int; expected a steadynorm.Subject"),
        ("cases.py:nn", "nn of cases.py is of type module; expected a steadynorm.Subject"),
        ("cases.py:needs", "function 'needs' of cases.py needs path, size; expected"),
        ("cases.py:fails", f"cases.py raises in fails(), line {line_of('raise KeyError')}: KeyError: 'weights.pt'"),
        ("cases.py:stops", f"cases.py raises in stops(), line {line_of('raise SystemExit')}: SystemExit: 0"),
        ("cases.py:empty", "train_data is empty"),
        ("cases.py:refused", "the model refuses a batch of (4, 3)"),
        ("cases.py:not_finite", "train_data holds 64 values that are NaN or Inf (batch 0, first in sample 3)"),
    ],
)
def test_unusable_input_exits_with_2_and_one_line(run: Any, target: str, said: str) -> None:
    result = run("diagnose", target)

    assert result.exit_code == 2
    line = run.only_line(result)
    assert line.startswith("steadynorm: ")
    assert said in line


@pytest.mark.parametrize(
    ("name", "source", "said"),
    [
        ("raises", "x = 1\nx / 0\n", "raises.py raises on import, line 2: ZeroDivisionError: division by zero"),
        ("syntax", "x = 1\nx = = 2\n", "syntax.py raises on import, line 2: SyntaxError: invalid syntax"),
        ("lines", "raise ValueError('a\\nb')", "ValueError: a b"),
        ("keras_user", "raise ModuleNotFoundError(name='keras.layers')", "pip install 'steadynorm[keras]'"),
        ("other", "import surely_not_installed", "other.py needs surely_not_installed, which is not installed: pip"),
    ],
)
def test_file_that_raises_exits_with_2_and_one_line(run: Any, folder: Path, name: str, source: str, said: str) -> None:
    (folder / f"{name}.py").write_text(source)
    result = run("diagnose", f"{name}.py:subject")

    assert result.exit_code == 2
    assert said in run.only_line(result)
    assert name not in sys.modules


def test_traceback_only_when_asked_for(run: Any) -> None:
    assert "Traceback" not in run("diagnose", "cases.py:fails").stderr

    result = run("diagnose", "cases.py:fails", "--traceback")
    assert result.exit_code == 2
    assert "Traceback (most recent call last)" in result.stderr
    assert "in fails" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("steadynorm: cases.py raises in fails()")


def test_file_imports_its_neighbours_and_the_path_is_as_before(run: Any, folder: Path) -> None:
    inner = folder / "inner"
    inner.mkdir()
    (inner / "neighbour_of_subject.py").write_text("import cases\nplain = cases.plain\n")
    (inner / "uses_neighbour.py").write_text(
        "import sys\nsys.path.append('..')\n"
        "def subject():\n    from neighbour_of_subject import plain\n    return plain()\n"
    )
    before = list(sys.path)

    assert run("diagnose", f"inner{os.sep}uses_neighbour.py:subject").exit_code == 3
    assert sys.path == before


def test_module_is_found_in_the_working_directory(run: Any) -> None:
    assert run("diagnose", "cases:plain").exit_code == 3


@pytest.mark.parametrize(("severity", "code"), [("info", 1), ("warning", 1), ("error", 1), ("never", 0)])
def test_fail_on_decides_over_the_exit_code(run: Any, severity: str, code: int) -> None:
    assert run("diagnose", "cases.py:broken", "--fail-on", severity).exit_code == code


def test_select_and_ignore_take_codes_and_prefixes(run: Any) -> None:
    ignored = run("diagnose", "cases.py:broken", "--ignore", "SN103,sn705", "--ignore", "SN5")
    selected = run("diagnose", "cases.py:broken", "--select", "SN103")

    assert ignored.exit_code == 0
    assert "without SN103, SN705, SN5" in run.flat(ignored)
    assert selected.exit_code == 1
    assert "1 check made (only SN103)" in run.flat(selected)


@pytest.mark.parametrize("option", ["--select", "--ignore"])
def test_unknown_code_exits_with_2_before_anything_runs(run: Any, option: str) -> None:
    result = run("diagnose", "cases.py:fails", option, "SN101,SN999")

    assert result.exit_code == 2
    assert "there is no check 'SN999'" in run.only_line(result)


def test_json_is_all_that_is_on_stdout(run: Any) -> None:
    result = run("diagnose", "cases.py:broken", "--json", "--batches", 3)
    parsed = json.loads(result.stdout)

    assert result.exit_code == 1
    assert parsed["findings"][0]["code"] == "SN103"
    assert parsed["layers"][0]["call_sites"][0]["moments"][0]["batches"] == 3


def test_other_forms_of_the_report(run: Any) -> None:
    same = run("diagnose", "cases.py:broken", "--format", "json", "--batches", 3)
    sarif = json.loads(run("diagnose", "cases.py:broken", "--format", "sarif", "--batches", 3).stdout)
    github = run("diagnose", "cases.py:broken", "--format", "github", "--batches", 3).stdout.splitlines()

    assert json.loads(same.stdout)["schema"] == "steadynorm-report/1"
    (found, *_) = sarif["runs"][0]["results"]
    assert found["ruleId"] == "SN103"
    assert found["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "cases.py"
    assert github[0].startswith("::error file=cases.py,title=SN103 statistics-at-initialization::digits: layer 1: ")
    contradiction = run("diagnose", "cases.py:fails", "--json", "--format", "sarif")
    assert contradiction.exit_code == 2
    assert "--json and --format sarif contradict each other" in run.only_line(contradiction)


def test_settings_of_the_project_hold_for_a_diagnosis(run: Any, folder: Path) -> None:
    settings = folder / "pyproject.toml"
    settings.write_text('[tool.steadynorm]\nselect = ["SN103"]\nfail-on = "never"\n')
    try:
        result = run("diagnose", "cases.py:broken")
        assert result.exit_code == 0
        assert "1 check made (only SN103)" in run.flat(result)
        assert run("diagnose", "cases.py:broken", "--fail-on", "error").exit_code == 1
    finally:
        settings.unlink()


def test_output_takes_the_report_and_leaves_no_other_file(run: Any, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_text("an older one")
    result = run("diagnose", "cases.py:broken", "--json", "--output", report)

    assert result.exit_code == 1
    assert result.stdout == ""
    assert json.loads(report.read_text())["name"] == "digits"
    assert list(tmp_path.iterdir()) == [report]
    assert f"The report is in {report}." in run.only_line(result)


def test_output_that_cannot_be_written_is_refused_before_anything_runs(run: Any, tmp_path: Path) -> None:
    assert "there is no folder" in run.only_line(
        run("diagnose", "cases.py:fails", "--output", tmp_path / "no" / "r.txt")
    )
    assert "it is a folder" in run.only_line(run("diagnose", "cases.py:fails", "--output", tmp_path))


def test_half_a_report_is_never_seen(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = tmp_path / "report.txt"
    report.write_text("an older one")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    result = run("diagnose", "cases.py:broken", "--output", report)

    assert result.exit_code == 2
    assert f"cannot write to {report}: No space left on device" in run.only_line(result)
    assert report.read_text() == "an older one"
    assert list(tmp_path.iterdir()) == [report]


def test_device_that_is_not_there_exits_with_2(run: Any) -> None:
    assert "device 'nonsense' cannot be used" in run.only_line(
        run("diagnose", "cases.py:broken", "--device", "nonsense")
    )


def test_repair_shows_both_scores_and_writes_a_new_file(run: Any, tmp_path: Path) -> None:
    result = run("repair", "cases.py:broken", "--output", tmp_path / "model.pt")

    assert result.exit_code == 0
    assert result.stdout.startswith("digits: metric in inference 0.")
    assert " after\nnew statistics for 1 layer from 12 batches" in result.stdout
    assert f"\nwrote {tmp_path / 'model.pt'}\n" in result.stdout
    assert "the model does worse now" in result.stdout  # it never learned anything by any statistics
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt"]


def test_repair_never_writes_over_a_file(run: Any, tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_text("precious")
    result = run("repair", "cases.py:broken", "--output", tmp_path / "model.pt")

    assert result.exit_code == 2
    assert "never writes over a file" in run.only_line(result)
    assert (tmp_path / "model.pt").read_text() == "precious"


def test_repair_of_nothing_exits_with_3(run: Any, tmp_path: Path) -> None:
    result = run("repair", "cases.py:plain", "--output", tmp_path / "model.pt")

    assert result.exit_code == 3
    assert "no normalization layer" in run.only_line(result)


def test_explain_shows_the_page_in_any_case(run: Any) -> None:
    result = run("explain", "sn101")

    assert result.exit_code == 0
    assert result.stdout.split() == CATALOGUE["SN101"].page.split()


@pytest.mark.parametrize("code", ["SN104", "SN301", "SN304"])
def test_explain_fills_lines_of_80_characters_and_leaves_code_and_tables(run: Any, code: str) -> None:
    page = CATALOGUE[code].page
    shown = run("explain", code).stdout
    assert shown.split() == page.split()
    assert shown.split("```")[1::2] == page.split("```")[1::2]
    for start in ("#", "|"):
        assert [line for line in shown.splitlines() if line.startswith(start)] == [
            line for line in page.splitlines() if line.startswith(start)
        ]
    prose = "".join(shown.split("```")[::2])
    assert max(len(line) for line in prose.splitlines() if not line.startswith("|")) <= 80


def test_explain_names_the_nearest_codes(run: Any) -> None:
    result = run("explain", "SN109")

    assert result.exit_code == 2
    assert "there is no check 'SN109'; the nearest are SN108 updated-without-step, SN107" in run.only_line(result)
    assert "the nearest are SN101 updates-not-run" in run.only_line(run("explain", "updates-notrun"))
    assert "'steadynorm explain --all' lists them" in run.only_line(run("explain", "?"))


def test_explain_all_has_one_line_per_check(run: Any) -> None:
    lines = run("explain", "--all").stdout.splitlines()

    assert [line.split()[0] for line in lines] == list(CATALOGUE)
    assert lines[0].split()[1:3] == ["error", "updates-not-run"]
    assert lines[0].endswith(CATALOGUE["SN101"].summary)


def test_explain_without_a_code_says_what_it_needs(run: Any) -> None:
    result = run("explain")

    assert result.exit_code == 2
    assert "explain needs a code" in run.only_line(result)


def test_version(run: Any) -> None:
    assert run("--version").stdout == f"steadynorm {steadynorm.__version__}\n"


def test_as_a_process_the_exit_code_and_the_streams_are_the_same(run: Any) -> None:
    result = run.process("diagnose", "cases.py:broken", "--json")

    assert result.returncode == 1
    assert json.loads(result.stdout)["findings"][0]["code"] == "SN103"
    assert result.stderr == ""


def test_as_a_process_unusable_input_is_one_line(run: Any) -> None:
    result = run.process("diagnose", "nowhere.py:subject")

    assert (result.returncode, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1


def test_terminal_without_the_signs_gets_others_instead_of_an_error(run: Any) -> None:
    result = run.process("explain", "--all", PYTHONIOENCODING="ascii")

    assert result.returncode == 0
    assert len(result.stdout.splitlines()) == len(CATALOGUE)


def test_missing_framework_is_one_line_that_names_the_extra(tmp_path: Path, run: Any) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['torch'] = None\n")
    for arguments, extra in [(("diagnose", "cases.py:broken"), "torch"), (("demo",), "demo")]:
        result = run.process(*arguments, PYTHONPATH=str(tmp_path))

        assert (result.returncode, result.stdout) == (2, "")
        assert len(result.stderr.splitlines()) == 1
        assert f"torch, which is not installed: pip install 'steadynorm[{extra}]'" in result.stderr
