"""steadynorm graph: which file, in which form, and what is refused."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
from pathlib import Path
from typing import Any

import pytest
import typer

from steadynorm.cli_drawing import graph

CORPUS = Path(__file__).parents[1] / "data" / "corpus"


@pytest.fixture
def meta(here: Path) -> str:
    shutil.copy(CORPUS / "04-signal-cnn" / "model.ckpt.meta", here / "model.ckpt.meta")
    return "model.ckpt.meta"


@pytest.mark.parametrize(("name", "begins"), [("net.html", "<!doctype html>"), ("net.svg", "<svg ")])
def test_ending_of_the_name_chooses_page_or_picture(here: Path, meta: str, name: str, begins: str, run: Any) -> None:
    before = hashlib.sha256((here / meta).read_bytes()).digest()
    result = run("graph", meta, "--output", name)

    assert (result.exit_code, result.stdout) == (0, "")
    assert (here / name).read_text(encoding="utf-8").startswith(begins)
    assert f"first SN101 updates-not-run. The drawing is in {name}." in result.stderr
    assert hashlib.sha256((here / meta).read_bytes()).digest() == before


def test_page_goes_to_stdout(meta: str, run: Any) -> None:
    result = run("graph", meta)

    assert result.stdout.startswith("<!doctype html>")
    assert result.stdout.rstrip().endswith("</html>")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["model.ckpt.meta", "--output", "net.png"], "expected a name that ends in .html or .svg"),
        (["model.ckpt.meta", "--output", "no/net.svg"], "there is no folder no"),
        (["model.ckpt.meta", "--output", "model.ckpt.meta"], "expected a name that ends in .html or .svg"),
        (["nothing.meta", "--output", "net.svg"], "nothing.meta"),
        (["weights.safetensors", "--output", "net.svg"], "of which no graph is drawn; expected a TensorFlow graph"),
        (["two", "--output", "net.svg"], "holds 2 models"),
    ],
)
def test_what_cannot_be_drawn_is_said_in_one_line(
    here: Path, meta: str, arguments: list[str], said: str, run: Any, models: Any
) -> None:
    models.save(here / "weights.safetensors", models.healthy)
    for name in ("one", "other"):
        (here / "two" / name).mkdir(parents=True)
        shutil.copy(here / meta, here / "two" / name / meta)
    result = run("graph", *arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (here / "net.svg").exists()


@pytest.mark.parametrize(
    ("module", "name", "install"),
    [("py_mini_racer", "net.svg", "steadynorm[svg]"), ("jinja2", "net.html", "steadynorm[html]")],
)
def test_what_is_not_installed_is_named(
    meta: str, module: str, name: str, install: str, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = importlib.util.find_spec
    monkeypatch.setattr("steadynorm.extras.find_spec", lambda each: None if each == module else known(each))
    result = run("graph", meta, "--output", name)

    assert result.exit_code == 2
    assert f"pip install '{install}'" in result.stderr


LIVE = """
import steadynorm, torch
from torch import nn

print("building")

def subject():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 10))
    return steadynorm.Subject(model, [(torch.rand(8, 1, 8, 8), torch.zeros(8)) for _ in range(2)], name="mine")
"""


@pytest.mark.parametrize(("name", "begins"), [("net.html", "<!doctype html>"), ("net.svg", "<svg ")])
def test_live_model_is_drawn(here: Path, name: str, begins: str, run: Any) -> None:
    (here / "drawn_subject.py").write_text(LIVE, encoding="utf-8")
    result = run("graph", "drawn_subject.py:subject", "--output", name)

    assert (result.exit_code, result.stdout) == (0, "")
    assert (here / name).read_text(encoding="utf-8").startswith(begins)
    assert "building" in result.stderr
    assert f"The drawing is in {name}." in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["drawn_subject.py:nothing", "--output", "net.svg"], "has no 'nothing'; it has 'subject'"),
        (["drawn_subject.py:subject", "--output", "drawn_subject.py"], "expected a name that ends in .html or .svg"),
        (
            ["drawn_subject.py", "--output", "net.svg"],
            "names no subject: expected drawn_subject.py:NAME, where NAME is",
        ),
        (["no_such.py", "--output", "net.svg"], "names no subject: expected no_such.py:NAME"),
        (["model.ckpt.meta", "--device", "cpu", "--output", "net.svg"], "is read, and not run"),
        (["s3://bucket/model.onnx", "--output", "no/net.svg"], "there is no folder no"),
    ],
)
def test_what_is_no_live_model_is_said_in_one_line(
    here: Path, meta: str, arguments: list[str], said: str, run: Any
) -> None:
    (here / "drawn_subject.py").write_text(LIVE.replace('print("building")', ""), encoding="utf-8")
    result = run("graph", *arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_terminal_gets_no_page(
    meta: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)

    with pytest.raises(typer.Exit) as left:
        graph(meta)

    said = capsys.readouterr()
    assert (left.value.exit_code, said.out) == (2, "")
    assert "expected --output network.html" in said.err
