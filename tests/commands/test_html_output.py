"""HTML from the commands: chosen by the file's name, refused where it cannot be made, and made by nothing else."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from steadynorm import delivery
from steadynorm.errors import UnusableInputError
from steadynorm.options import Form

HEAD = {"steadynorm": "0.1.0", "kind": "run", "framework": "torch", "model": "digits", "interval": 10}
LOSS = {"step": 10, "kind": "loss", "train": 0.5}


@pytest.fixture
def model(here: Path, models: Any) -> str:
    return str(models.save(here / "model.safetensors", models.not_finite).name)


@pytest.fixture
def run_name(here: Path) -> str:
    (here / "run.jsonl").write_text(f"{json.dumps(HEAD)}\n{json.dumps(LOSS)}\n")
    return "run.jsonl"


@pytest.fixture
def without_plotly(monkeypatch: pytest.MonkeyPatch) -> None:
    known = importlib.util.find_spec
    monkeypatch.setattr("steadynorm.extras.find_spec", lambda name: None if name == "plotly" else known(name))


@pytest.mark.parametrize("name", ["report.html", "REPORT.HTM"])
def test_ending_of_the_name_makes_it_a_page(here: Path, name: str, model: str, run: Any) -> None:
    result = run("check", model, "--output", name)

    assert (result.exit_code, result.stdout) == (1, "")
    assert (here / name).read_text(encoding="utf-8").startswith("<!doctype html>")
    assert f"The report is in {name}." in result.stderr


def test_form_that_is_asked_for_counts_more_than_the_name(here: Path, model: str, run: Any) -> None:
    run("check", model, "--output", "report.html", "--format", "json")

    assert json.loads((here / "report.html").read_text())["schema"] == "steadynorm-check/1"


def test_page_goes_to_stdout_where_it_is_asked_for(model: str, run: Any) -> None:
    result = run("check", model, "--format", "html")

    assert result.stdout.startswith("<!doctype html>")
    assert result.stdout.rstrip().endswith("</html>")


def test_terminal_gets_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)

    with pytest.raises(UnusableInputError, match=r"expected --output report.html"):
        delivery.form_of(Form.HTML, None)


@pytest.mark.usefixtures("without_plotly")
@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "model.safetensors", "--output", "report.html"),
        ("diagnose", "no_such_file.py:subject", "--output", "report.html"),
        ("report", "run.jsonl", "--output", "report.html"),
    ],
)
def test_what_is_not_installed_is_said_before_any_work(
    here: Path, arguments: tuple[str, ...], model: str, run_name: str, run: Any
) -> None:
    result = run(*arguments)

    assert result.exit_code == 2
    assert run.only_line(result) == (
        "steadynorm: report.html needs plotly, which is not installed: pip install 'steadynorm[html]'"
    )
    assert not (here / "report.html").exists()


@pytest.mark.usefixtures("without_plotly")
def test_other_forms_need_nothing_of_it(model: str, run_name: str, run: Any) -> None:
    assert run("check", model).exit_code == 1
    assert run("report", run_name).exit_code == 0


def test_run_file_is_told_in_the_terminal_and_drawn_in_a_page(here: Path, run_name: str, run: Any) -> None:
    assert run("report", run_name).stdout.startswith("digits: nothing to warn of in 10 steps.")

    result = run("report", run_name, "--output", "run.html")
    assert result.exit_code == 0
    assert result.stderr == "digits: nothing to warn of in 10 steps. The report is in run.html.\n"
    assert "Training against validation loss" in (here / "run.html").read_text(encoding="utf-8")


def test_run_file_is_never_written_over(here: Path, run_name: str, run: Any) -> None:
    before = (here / run_name).read_bytes()

    assert run("report", run_name, "--output", run_name).exit_code == 2
    assert (here / run_name).read_bytes() == before


def test_diagnose_takes_a_run_file_for_a_page_only(run_name: str, run: Any) -> None:
    line = run.only_line(run("diagnose", "no_such_file.py:subject", "--run", run_name))

    assert line == "steadynorm: --run goes with an HTML report: expected --output FILE.html as well"


def test_unusable_run_file_is_refused_before_the_model_is_built(here: Path, run: Any) -> None:
    (here / "other").write_text("no run\n")
    line = run.only_line(run("diagnose", "no_such_file.py:subject", "--run", "other", "--output", "report.html"))

    assert "other is no run file" in line


def test_diagnosis_is_written_as_a_page_with_its_training(here: Path, run_name: str, run: Any) -> None:
    pytest.importorskip("torch")
    (here / "small.py").write_text(
        "import torch\n\nimport steadynorm\n\n"
        "x = [(torch.randn(8, 2), torch.randn(8, 2)) for _ in range(3)]\n"
        "subject = steadynorm.Subject(torch.nn.BatchNorm1d(2), x, loss=torch.nn.functional.mse_loss)\n"
    )
    result = run("diagnose", "small.py:subject", "--output", "report.html", "--run", run_name)
    page = (here / "report.html").read_text(encoding="utf-8")

    assert result.exit_code in (0, 1), result.stderr
    assert "Inference against batch statistics" in page
    assert "During the training" in page


LIVE = """
import steadynorm, torch
from torch import nn

def subject():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 10))
    return steadynorm.Subject(model, [(torch.rand(8, 1, 8, 8), torch.zeros(8)) for _ in range(2)], name="mine")
"""


def test_page_of_a_diagnosis_is_made_of_its_json(here: Path, run: Any) -> None:
    (here / "recorded_subject.py").write_text(LIVE, encoding="utf-8")
    for name in ("direct.html", "report.json"):
        form = ["--format", "json"] if name.endswith("json") else []
        run("diagnose", "recorded_subject.py:subject", "--output", name, *form)
    result = run("report", "report.json", "--output", "report.html")

    assert (result.exit_code, result.stdout) == (0, "")
    assert "The report is in report.html." in result.stderr
    assert (here / "report.html").read_text(encoding="utf-8") == (here / "direct.html").read_text(encoding="utf-8")


def test_report_is_not_written_over_its_json(here: Path, run: Any) -> None:
    (here / "report.json").write_text('{"schema": "steadynorm-report/1"}', encoding="utf-8")
    result = run("report", "report.json", "--output", "report.json")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "it is what is read" in result.stderr
