"""Where a report may be written: never over what it is about, nor over another model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

HEADER = b'{"bn.weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
MODEL = len(HEADER).to_bytes(8, "little") + HEADER + bytes(4)
SUBJECT = "def subject():\n    raise SystemExit(5)\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.safetensors").write_bytes(MODEL)
    (tmp_path / "b.safetensors").write_bytes(MODEL)
    return tmp_path


def refused(result: Result) -> bool:
    lines = result.stderr.strip().splitlines()
    return (result.exit_code, result.stdout, len(lines)) == (2, "", 1) and "cannot write the report to" in lines[0]


@pytest.mark.parametrize(
    "arguments",
    [
        ("a.safetensors", "--output", "a.safetensors"),
        ("a.safetensors", "--output", "./a.safetensors"),
        ("a.safetensors", "--output", "link"),
        ("a.safetensors", "--output", "b.safetensors"),
        ("a.safetensors", "--before", "b.safetensors", "--output", "b.safetensors"),
        (".", "--output", "a.safetensors"),
        ("no.pt", "--output", "a.safetensors"),
    ],
)
def test_check_does_not_write_over_a_model(here: Path, arguments: tuple[str, ...], run: Any) -> None:
    (here / "link").symlink_to("a.safetensors")

    assert refused(run("check", *arguments))
    assert (here / "a.safetensors").read_bytes() == (here / "b.safetensors").read_bytes() == MODEL


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.ckpt-1.data-00000-of-00001", bytes(64)),
        ("checkpoint", b'model_checkpoint_path: "model.ckpt-1"\n'),
        ("model.safetensors.index.json", b'{"weight_map": {"w": "a.safetensors"}}'),
        ("image.png", b"\x89PNG\r\n\x1a\n"),
    ],
)
def test_files_that_belong_to_a_model_and_other_data_are_kept(here: Path, name: str, content: bytes, run: Any) -> None:
    (here / name).write_bytes(content)

    assert refused(run("check", "a.safetensors", "--output", name))
    assert (here / name).read_bytes() == content


def test_prefix_of_a_checkpoint_is_no_place_for_its_report(here: Path, run: Any) -> None:
    assert refused(run("check", "model.ckpt-1", "--output", "model.ckpt-1"))


@pytest.mark.parametrize("content", [None, b"", b"an earlier report \xe2\x80\x93 of 2024\n", b'{"findings": []}\n'])
def test_a_report_is_written_to_a_new_file_and_over_an_earlier_one(here: Path, content: bytes | None, run: Any) -> None:
    if content is not None:
        (here / "report.json").write_bytes(content)
    run("check", "a.safetensors", "--format", "json", "--output", "report.json")

    assert '"schema"' in (here / "report.json").read_text()


@pytest.mark.parametrize(
    ("target", "output"),
    [
        ("model.py:subject", "a.safetensors"),
        ("model.py:subject", "model.py"),
        ("a_model_in_here:subject", "a_model_in_here.py"),
    ],
)
def test_diagnose_does_not_write_over_a_model_or_its_code(
    here: Path, monkeypatch: pytest.MonkeyPatch, target: str, output: str, run: Any
) -> None:
    monkeypatch.syspath_prepend(str(here))
    (here / "model.py").write_text(SUBJECT)
    module = "from torch import nn\n\nimport steadynorm\n\nsubject = steadynorm.Subject(nn.BatchNorm1d(2), [])\n"
    (here / "a_model_in_here.py").write_text(module)

    assert refused(run("diagnose", target, "--output", output))
    assert (here / "a.safetensors").read_bytes() == MODEL
    assert (here / "model.py").read_text() == SUBJECT
    assert (here / "a_model_in_here.py").read_text() == module


@pytest.mark.parametrize(("name", "key"), [("report.json", "schema"), ("report.SARIF", "runs")])
def test_the_name_of_the_file_says_the_form(here: Path, name: str, key: str, run: Any) -> None:
    run("check", "a.safetensors", "--output", name)
    assert key in json.loads((here / name).read_text())


def test_a_form_that_is_asked_for_counts_more_than_the_name(here: Path, run: Any) -> None:
    run("check", "a.safetensors", "--format", "text", "--output", "report.json")
    assert not (here / "report.json").read_text().startswith("{")


def test_a_training_is_not_written_as_json(here: Path, run: Any) -> None:
    (here / "run.jsonl").write_text('{"steadynorm": "0", "kind": "run"}\n')
    result = run("report", "run.jsonl", "--output", "report.json")
    assert (result.exit_code, (here / "report.json").exists()) == (2, False)
    assert "expected --output FILE.html or .txt" in result.stderr
