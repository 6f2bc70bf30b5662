"""Folders as trainers leave them: a model in several files, and much beside it that is no model."""

from __future__ import annotations

import json
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed.checkpoint as dcp

import steadynorm
from steadynorm.artifacts import formats
from steadynorm.errors import UnusableInputError

FIRST, SECOND = "pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"
INDEX = "pytorch_model.bin.index.json"


def trained() -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(3)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, bias=False), torch.nn.BatchNorm2d(4), torch.nn.Conv2d(4, 4, 3), torch.nn.BatchNorm2d(4)
    )
    optimizer = torch.optim.AdamW(model.parameters())
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.randn(8, 3, 9, 9) + 1).square().sum().backward()
        optimizer.step()
    return model, optimizer


def shards(folder: Path, state: dict[str, Any], *, index: bool = True, legacy: bool = False) -> None:
    halves = [{name: each for name, each in state.items() if (name[0] < "2") is early} for early in (True, False)]
    for name, half in zip((FIRST, SECOND), halves, strict=True):
        torch.save(half, folder / name, _use_new_zipfile_serialization=not legacy)
    if index:
        names = {name: FIRST if name[0] < "2" else SECOND for name in state}
        (folder / INDEX).write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": names}, indent=2))


def beside(folder: Path, optimizer: torch.optim.Optimizer) -> None:
    """What a trainer writes next to the model."""
    torch.save(optimizer.state_dict(), folder / "optimizer.pt")
    torch.save(torch.optim.lr_scheduler.StepLR(optimizer, 1).state_dict(), folder / "scheduler.pt")
    torch.save(
        {"python": random.getstate(), "numpy": np.random.get_state(), "cpu": torch.random.get_rng_state()},  # noqa: NPY002
        folder / "rng_state.pth",
    )
    torch.save({"learning_rate": 0.1, "output_dir": "here"}, folder / "training_args.bin")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model, optimizer = trained()
    shards(tmp_path, model.state_dict())
    beside(tmp_path, optimizer)
    return tmp_path


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("name", [INDEX, FIRST, SECOND, "."])
def test_model_in_several_files_of_torch_is_read_whole(tmp_path: Path, name: str, legacy: bool) -> None:
    model, _ = trained()
    shards(tmp_path, model.state_dict(), legacy=legacy)
    result = steadynorm.check(tmp_path / name)

    (report,) = result.reports
    assert report.origin is not None
    assert report.origin.format.startswith("sharded ")
    assert [layer.name for layer in report.evidence.layers] == ["1", "3"]
    assert result.unread == ()


def test_values_come_from_the_shards(folder: Path) -> None:
    state = trained()[0].state_dict()
    for path in (folder / INDEX, folder):
        found = formats.read(path).tensors

        assert list(found) == list(state)
        assert all(np.array_equal(found[name].load(), state[name].numpy()) for name in state)


def test_shards_without_an_index_are_one_model(tmp_path: Path) -> None:
    shards(tmp_path, trained()[0].state_dict(), index=False)

    assert [len(report.evidence.layers) for report in steadynorm.check(tmp_path).reports] == [2]


def test_damage_in_one_shard_is_found(tmp_path: Path) -> None:
    state = trained()[0].state_dict()
    state["3.running_var"][1] = -1.0
    shards(tmp_path, state)

    assert [found.code for found in steadynorm.check(tmp_path).findings] == ["SN702"]


def test_shard_that_is_neither_is_refused(folder: Path) -> None:
    (folder / SECOND).write_bytes(b"nothing of the kind")

    with pytest.raises(UnusableInputError, match=SECOND):
        formats.read(folder / INDEX)


def test_index_of_other_files_is_none() -> None:
    with pytest.raises(UnusableInputError, match="of no format"):
        formats.read(Path(__file__))


def test_what_is_no_model_is_left_aside_and_counted(folder: Path) -> None:
    result = steadynorm.check(folder)

    assert result.unread == ()
    assert result.skipped["optimizer's state"] == 1
    assert result.skipped["pickle without tensors"] == 2
    assert [len(report.evidence.layers) for report in result.reports] == [2, 0]
    assert result.exit_status() == 0


@pytest.mark.parametrize(
    ("name", "said"),
    [("optimizer.pt", "the state of an optimizer and no model"), ("training_args.bin", "a pickle without tensors")],
)
def test_what_is_no_model_and_was_named_is_told(folder: Path, name: str, said: str) -> None:
    result = steadynorm.check(folder / name)

    assert said in result.unread[0].reason
    assert result.exit_status() == 2


def test_folder_that_is_compared_with_is_searched_for_its_model(folder: Path) -> None:
    result = steadynorm.check(folder / INDEX, before=folder)

    assert [found.code for found in result.findings] == ["SN303"] or result.findings == ()
    assert result.reports[0].evidence.stored is not None
    assert result.reports[0].evidence.stored.before is not None


def test_folder_with_two_models_is_nothing_to_compare_with(folder: Path) -> None:
    torch.save(trained()[0].state_dict(), folder / "other.pt")

    with pytest.raises(UnusableInputError, match="holds 2 checkpoints"):
        steadynorm.check(folder / INDEX, before=folder)


@pytest.fixture
def distributed(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / "dcp"
    folder.mkdir(parents=True)
    with (folder / ".metadata").open("wb") as file:
        pickle.dump(dcp.metadata.Metadata({}), file)
    torch.save(torch.ones(3), folder / "__0_0.distcp")
    return folder


@pytest.mark.parametrize("name", [".", ".metadata", "__0_0.distcp"])
def test_distributed_checkpoint_is_said_not_to_be_read(distributed: Path, name: str) -> None:
    (unread,) = steadynorm.check(distributed / name).unread

    assert "is a checkpoint of torch.distributed.checkpoint (.distcp), which is not read" in unread.reason
    assert "\n" not in unread.reason


def test_distributed_checkpoint_in_a_searched_folder_is_left_aside(distributed: Path) -> None:
    torch.save(trained()[0].state_dict(), distributed.parent / "model.pt")
    result = steadynorm.check(distributed.parent)

    assert result.unread == ()
    assert dict(result.skipped) == {"checkpoint of torch.distributed.checkpoint, which is not read": 1}
    assert result.exit_status() == 0
