"""The command `check` on folders: which files are one model, and that what cannot be read costs no other."""

from __future__ import annotations

import json
import os
import pickle
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steadynorm
from steadynorm.artifacts import formats


def test_empty_folder_exits_with_3(here: Path, run: Any) -> None:
    result = run("check", ".")

    assert result.exit_code == 3
    assert result.stdout == "0 models with normalization layers checked; nothing of a known format was found.\n"


def test_run_goes_on_past_what_cannot_be_read_and_exits_with_2(here: Path, models: Any, run: Any) -> None:
    models.save(here / "runs" / "bad.safetensors", models.not_finite)
    whole = models.save(here / "runs" / "fine.safetensors", models.healthy).read_bytes()
    (here / "runs" / "cut.safetensors").write_bytes(whole[:-5])
    result = run("check", "runs", "no.pt")

    assert result.exit_code == 2
    assert "2 models with normalization layers checked; 1 error in 1 of them; 2 files could not be read." in run.flat(
        result
    )
    assert "ERROR SN701" in result.stdout
    assert "Nothing found in runs/fine.safetensors (safetensors, 1 layer)" in run.flat(result)
    assert "Could not be read no.pt: there is no such file" in run.flat(result)
    assert "runs/cut.safetensors: " in run.flat(result)
    assert result.stderr == ""


def test_ranks_of_one_run_are_one_model(here: Path, models: Any, run: Any) -> None:
    for rank in range(4):
        models.save(here / f"rank{rank}.safetensors", models.healthy)
    result = run("check", ".")

    assert "compared with 3 other ranks" in run.flat(result)
    assert "rank0.safetensors: nothing found" in run.flat(result)


def test_shards_without_an_index_are_put_together(here: Path, models: Any, run: Any) -> None:
    names = list(models.healthy)
    models.save(here / "m-00001-of-00002.safetensors", {name: models.healthy[name] for name in names[:3]})
    models.save(here / "m-00002-of-00002.safetensors", {name: models.healthy[name] for name in names[3:]})
    result = run("check", ".", "--format", "json")
    (model,) = json.loads(result.stdout)["models"]

    assert [layer["name"] for layer in model["layers"]] == ["bn"]
    assert model["origin"]["files"] == ["m-00001-of-00002.safetensors", "m-00002-of-00002.safetensors"]
    assert model["findings"] == []


def test_files_of_a_run_that_only_look_alike_are_models_of_their_own(here: Path, models: Any, run: Any) -> None:
    models.save(here / "rank0.safetensors", models.healthy)
    models.save(here / "rank1.safetensors", {**models.plain, "conv.weight": models.healthy["conv.weight"]})
    result = run("check", ".", "--format", "json")

    assert [model["name"] for model in json.loads(result.stdout)["models"]] == [
        "rank0.safetensors",
        "rank1.safetensors",
    ]


def test_names_of_any_alphabet_and_of_none(here: Path, models: Any, run: Any) -> None:
    models.save(
        here / "模型 ü.safetensors", {name.replace("bn", "層"): values for name, values in models.not_finite.items()}
    )
    models.save(here / os.fsdecode(b"caf\xe9\x1b[2J.safetensors"), models.not_finite)
    result = run("check", ".")

    assert result.exit_code == 1
    assert "模型 ü.safetensors: 1 error" in run.flat(result)
    assert "where layer 層" in run.flat(result)
    assert "caf\\xe9\\x1b[2J.safetensors: 1 error" in run.flat(result)
    assert json.loads(run("check", ".", "--format", "json").stdout)["counts"]["error"] == 2


def test_name_with_the_end_of_a_line_makes_no_line_of_its_own(here: Path, models: Any, run: Any) -> None:
    models.save(here / "a\nb.safetensors", models.not_finite)
    (here / "c\n::error::d.safetensors").write_bytes((here / "a\nb.safetensors").read_bytes()[:-5])
    result = run("check", ".", "--format", "github")

    assert [line[:12] for line in result.stdout.splitlines()] == ["::error file", "::error file"]
    assert len(result.stderr.splitlines()) == 1
    assert run("check", ".").stdout.splitlines()[0].startswith("a\\nb.safetensors: 1 error")


def test_several_processes_find_the_same_as_one(here: Path, models: Any) -> None:
    for number in range(120):
        models.save(here / "runs" / f"{number}.safetensors", models.not_finite if number % 50 == 7 else models.healthy)
    (here / "runs" / "cut.safetensors").write_bytes((here / "runs" / "0.safetensors").read_bytes()[:-5])
    alone, together = (steadynorm.check("runs", workers=workers).to_json() for workers in (1, 2))

    assert together == alone
    assert json.loads(alone)["counts"]["error"] == 3


def test_graph_and_checkpoint_are_read_together() -> None:
    corpus = Path(__file__).parents[1] / "data" / "corpus" / "06-dense-net"
    result = steadynorm.check(corpus / "model.ckpt.meta")
    (report,) = result.reports

    assert report.origin is not None
    assert report.origin.format == "TensorFlow checkpoint and MetaGraph"
    assert [Path(path).name for path in report.origin.files] == ["model.ckpt.index", "model.ckpt.meta"]
    assert report.evidence.graph is not None
    assert report.evidence.stored is not None
    assert str(steadynorm.check(corpus)) == str(result)


def test_graph_that_is_damaged_leaves_what_the_checkpoint_says(here: Path) -> None:
    corpus = Path(__file__).parents[1] / "data" / "corpus" / "06-dense-net"
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


def test_mistake_of_ours_over_one_file_does_not_cost_the_others(
    here: Path, monkeypatch: pytest.MonkeyPatch, models: Any
) -> None:
    models.save(here / "a.safetensors", models.healthy)
    models.save(here / "b.safetensors", models.healthy)
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


def test_file_that_vanishes_before_it_is_read_is_left_aside(
    here: Path, monkeypatch: pytest.MonkeyPatch, models: Any
) -> None:
    models.save(here / "runs" / "a.safetensors", models.healthy)
    models.save(here / "runs" / "b.safetensors", models.healthy)
    read = formats.read

    def vanishing(path: str) -> object:
        if path == "runs/a.safetensors":
            os.unlink(path)
        return read(path)

    monkeypatch.setattr(formats, "read", vanishing)
    result = steadynorm.check("runs")

    assert [report.name for report in result.reports] == ["runs/b.safetensors"]
    assert not result.unread


def test_pickle_that_is_no_model_is_left_aside_unless_it_is_named(here: Path, models: Any, run: Any) -> None:
    models.save(here / "a.safetensors", models.healthy)
    (here / "cache.pkl").write_bytes(pickle.dumps({"words": ["a", "b"]}))

    assert run("check", ".").exit_code == 0
    assert "Left aside: pickle without tensors (1)." in run.flat(run("check", "."))
    assert run("check", "cache.pkl").exit_code == 2


def test_ranks_that_differ_are_found(here: Path, models: Any, run: Any) -> None:
    for rank in range(3):
        mean = models.healthy["bn.running_mean"] + (5 if rank == 2 else 0)
        models.save(here / f"rank{rank}.safetensors", {**models.healthy, "bn.running_mean": mean.astype(np.float32)})
    result = run("check", ".")

    assert result.exit_code == 1
    assert "WARNING SN402 replicas-differ" in run.flat(result)
    assert "compared with 2 other ranks" in run.flat(result)


def test_thousand_checkpoints_in_a_folder(here: Path, models: Any, run: Any) -> None:
    for number in range(1000):
        models.save(here / "runs" / f"{number}.safetensors", models.healthy)
    begin = time.process_time()
    result = run("check", "runs")

    assert run.flat(result).startswith("1000 models with normalization layers checked; nothing found.")
    assert "and 988 more" in run.flat(result)
    assert time.process_time() - begin < 30
