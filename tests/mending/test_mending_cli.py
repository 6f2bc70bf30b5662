"""The commands repair and convert on checkpoints: streams, exit codes, one-line errors."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from typer.testing import CliRunner, Result

from steadynorm import cli

SUBJECT = """
import torch
from torch import nn
import steadynorm

torch.manual_seed(0)
data = [(2 * torch.randn(8, 3, 6, 6) + 1, torch.zeros(8, dtype=torch.int64)) for _ in range(12)]


def network():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(64, 2))


def build():
    print("built")
    return steadynorm.Subject(network(), data, loss=nn.CrossEntropyLoss(), name="toy")
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with checkpoints and a subject, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    lagging = {"1.running_mean": np.full(4, 0.1), "1.running_var": np.full(4, 0.9)}
    initial = {"1.running_mean": np.zeros(4), "1.running_var": np.ones(4)}
    rest = {"0.weight": random.normal(size=(4, 3, 3, 3)), "0.bias": np.zeros(4), "1.weight": np.full(4, 1.5)}
    rest |= {"1.bias": np.zeros(4), "3.weight": random.normal(size=(2, 64)), "3.bias": np.zeros(2)}
    for name, statistics in (("lagging", lagging), ("initial", initial)):
        state = {key: value.astype(np.float32) for key, value in {**rest, **statistics}.items()}
        safetensors.numpy.save_file(state, f"{name}.safetensors")
    Path("toy.py").write_text(SUBJECT)
    return tmp_path


@pytest.fixture
def run(here: Path) -> Callable[..., Result]:
    return lambda *arguments: CliRunner().invoke(cli.app, [str(each) for each in arguments])


def only_line(result: Result) -> str:
    assert result.exit_code == 2, result.output
    [line] = result.stderr.splitlines()
    assert line.startswith("steadynorm: ")
    return line


def test_repair_with_a_subject(run: Callable[..., Result], here: Path) -> None:
    pytest.importorskip("torch")
    result = run("repair", "initial.safetensors", "--subject", "toy.py:build", "--output", "new.safetensors")

    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("initial.safetensors (safetensors): 1 layer gets new statistics\n")
    assert "loss in inference" in result.stdout
    assert result.stdout.endswith("wrote new.safetensors\n")
    assert "built" in result.stderr
    assert "built" not in result.stdout
    assert not np.allclose(safetensors.numpy.load_file("new.safetensors")["1.running_var"], 1)


def test_repair_with_a_subject_on_trial(run: Callable[..., Result], here: Path) -> None:
    pytest.importorskip("torch")
    there = sorted(os.listdir(here))
    result = run("repair", "initial.safetensors", "--subject", "toy.py:build", "--dry-run")

    assert result.exit_code == 0, result.output
    assert "1 layer would get new statistics" in result.stdout
    assert "nothing was written; without --dry-run it would be initial-mended.safetensors" in result.stdout
    assert sorted(set(os.listdir(here)) - {"__pycache__"}) == there


def test_repair_from_another(run: Callable[..., Result], here: Path) -> None:
    result = run("repair", "initial.safetensors", "--from", "lagging.safetensors", "-o", "new.safetensors")
    assert result.exit_code == 0, result.output
    np.testing.assert_array_equal(safetensors.numpy.load_file("new.safetensors")["1.running_mean"], np.float32(0.1))


def test_debias(run: Callable[..., Result], here: Path) -> None:
    options = ("--debias", "--decay", "0.9", "--updates", "20")
    result = run("repair", "lagging.safetensors", *options, "--output", "new.safetensors")
    assert result.exit_code == 0, result.output
    found = safetensors.numpy.load_file("new.safetensors")["1.running_mean"]
    np.testing.assert_allclose(found, 0.1 / (1 - 0.9**20), rtol=1e-6)
    assert "12.2 % of the initial value taken out" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["initial.safetensors", "--output", "x"], "is a checkpoint: say how to mend it, with --subject FILE.py:NAME"),
        (["initial.safetensors", "--from", "lagging.safetensors"], "repair needs --output"),
        (["initial.safetensors", "--from", "a", "--debias", "--output", "x"], "three ways to mend; expected one"),
        (["initial.safetensors", "--debias", "--map", "m.json", "--output", "x"], "--map goes with --from"),
        (["initial.safetensors", "--from", "a", "--decay", "0.9", "--output", "x"], "--decay and --updates goes with"),
        (["toy.py:build", "--dry-run", "--output", "x"], "--dry-run goes with --subject, --from or --debias"),
        (["toy.py:build"], "repair needs --output"),
        (["missing.pt", "--debias", "--output", "x"], "missing.pt"),
        (["initial.safetensors", "--from", "missing.pt", "--output", "x"], "missing.pt"),
        (
            ["initial.safetensors", "--from", "lagging.safetensors", "--output", "toy.py"],
            "nothing is ever written over",
        ),
        (["lagging.safetensors", "--debias", "--output", "x"], "nothing tells the decay of '1'; give it with --decay"),
    ],
)
def test_wrong_uses_are_one_line(arguments: list[str], said: str, run: Callable[..., Result], here: Path) -> None:
    there = sorted(os.listdir(here))
    assert said in only_line(run("repair", *arguments))
    assert sorted(os.listdir(here)) == there


def test_convert(run: Callable[..., Result], here: Path) -> None:
    result = run("convert", "lagging.safetensors", "model.ckpt", "--only-normalization")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("lagging.safetensors (safetensors): 1 normalization layer as tensorflow\n")
    assert result.stdout.endswith("wrote model.ckpt\n")
    assert {"model.ckpt.index", "model.ckpt.data-00000-of-00001"} <= set(os.listdir(here))


def test_convert_needs_to_know_the_target(run: Callable[..., Result], here: Path) -> None:
    assert "say it with --to" in only_line(run("convert", "lagging.safetensors", "model"))
    assert run("convert", "lagging.safetensors", "model", "--to", "tensorflow", "--dry-run").exit_code == 0


def test_nothing_to_convert_exits_with_3(run: Callable[..., Result], here: Path) -> None:
    safetensors.numpy.save_file({"w": np.ones(3)}, "plain.safetensors")
    assert run("convert", "plain.safetensors", "model.ckpt").exit_code == 3
    assert run("repair", "plain.safetensors", "--debias", "-o", "new").exit_code == 3


@pytest.mark.parametrize(
    ("checkpoint", "output", "said"),
    [
        ("initial.safetensors", "lagging.safetensors", "lagging.safetensors exists: nothing is ever written over"),
        ("no.safetensors", "fixed.safetensors", "no.safetensors: "),
        ("initial.safetensors", "s3://bucket/fixed.safetensors", "new files go to local folders only"),
    ],
)
def test_what_is_refused_is_refused_before_the_users_code_runs(
    run: Callable[..., Result], checkpoint: str, output: str, said: str
) -> None:
    Path("toy.py").write_text("raise SystemExit('ran')")

    assert said in only_line(run("repair", checkpoint, "--subject", "toy.py:build", "--output", output))


@pytest.mark.parametrize("moment", ["data", "writing"])
def test_an_interruption_leaves_nothing_behind(
    here: Path, run: Callable[..., Result], moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    if moment == "data":
        Path("toy.py").write_text(SUBJECT.replace('print("built")', "raise KeyboardInterrupt"))
    else:
        monkeypatch.setattr("steadynorm.mending.new_files._put", interrupt)
    before = {path.name: path.read_bytes() for path in here.iterdir() if path.is_file()}
    result = run("repair", "initial.safetensors", "--subject", "toy.py:build", "--output", "fixed.safetensors")

    assert result.exit_code == 130
    assert {path.name: path.read_bytes() for path in here.iterdir() if path.is_file()} == before


def test_addresses_are_not_written_to(run: Callable[..., Result]) -> None:
    for output in ("s3://bucket/fixed.safetensors", "https://host/fixed.safetensors"):
        line = only_line(run("repair", "initial.safetensors", "--from", "lagging.safetensors", "--output", output))
        assert "new files go to local folders only" in line
