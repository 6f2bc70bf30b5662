"""What stands in a run file, against moments taken from the activations themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import steadynorm


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def of_kind(path: Path, kind: str) -> list[dict[str, Any]]:
    return [line for line in lines(path) if line["kind"] == kind]


def test_the_first_line_says_what_it_is(course: Any, tmp_path: Path) -> None:
    course.run(course.Net(), 6, run=tmp_path / "run.jsonl")
    assert lines(tmp_path / "run.jsonl")[0] == {
        "steadynorm": steadynorm.__version__,
        "kind": "run",
        "framework": "torch",
        "model": "Net",
        "interval": 100,
    }


@pytest.mark.parametrize(("every", "expected"), [(1, [5, 6, 7, 8, 9, 10, 11, 12]), (3, [5, 6, 9, 12]), (100, [5])])
def test_every_so_many_steps(course: Any, tmp_path: Path, every: int, expected: list[int]) -> None:
    course.run(course.Net(), 12, every=every, run=tmp_path / "run.jsonl")
    assert [line["step"] for line in of_kind(tmp_path / "run.jsonl", "statistics")] == expected
    assert [line["step"] for line in of_kind(tmp_path / "run.jsonl", "loss")] == expected


@pytest.mark.parametrize("momentum", [0.1, 0.01, None])
def test_distances_are_those_of_the_activations(course: Any, tmp_path: Path, momentum: Any) -> None:
    """Every 20 steps, from the last four: the layer's inputs, taken by a hook, in float64."""
    model, path = course.Net(momentum), tmp_path / "run.jsonl"
    seen: list[tuple[np.ndarray, ...]] = []

    def look(layer: nn.BatchNorm2d, args: Any) -> None:
        x = args[0].detach().double().numpy()
        values = x.size // x.shape[1]
        moving = (layer.running_mean.double().numpy().copy(), layer.running_var.double().numpy().copy())
        seen.append((x.mean((0, 2, 3)), x.var((0, 2, 3)) * values / (values - 1), *moving))

    model.norm.register_forward_pre_hook(look)
    course.run(model, 60, every=20, run=path)
    for line in of_kind(path, "statistics"):
        mean, variance, moving_mean, moving_variance = np.array(seen[line["step"] - 4 : line["step"]]).swapaxes(0, 1)
        scale = np.sqrt(variance.mean(0) + 1e-5)
        shift = np.sqrt(np.mean(np.square((mean - moving_mean).mean(0) / scale)))
        ratio = np.log((variance.mean(0) + 1e-5) / (moving_variance.mean(0) + 1e-5))
        error = (mean - moving_mean).std(0, ddof=1) / 2 / scale
        measured = line["layers"]["norm"]
        # The moments come back from float32 statistics, whose rounding the division by 1 − d makes larger.
        assert measured["mean_shift"] == pytest.approx(shift, abs=1e-4)
        assert measured["log_variance_ratio"] == pytest.approx(np.sqrt(np.mean(np.square(ratio))), abs=1e-3)
        assert measured["mean_shift_error"] == pytest.approx(np.sqrt(np.mean(np.square(error))), abs=1e-4)


def test_decay_and_updates_as_observed(course: Any, tmp_path: Path) -> None:
    def step(model: nn.Module, optimizer: torch.optim.Optimizer, batch: Any) -> Any:
        model(batch[0])
        return course.train_step(model, optimizer, batch)

    course.run(course.Net(0.25), 30, every=10, run=tmp_path / "run.jsonl", step=step)
    for line in of_kind(tmp_path / "run.jsonl", "statistics"):
        for layer in line["layers"].values():
            assert layer["decay"] == pytest.approx(0.75, abs=1e-3)
            assert layer["updates_per_step"] == 2


def test_losses_and_warnings(course: Any, tmp_path: Path) -> None:
    model = course.Net(momentum=0.99)
    monitor = steadynorm.Monitor(model, run=tmp_path / "run.jsonl")
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    losses = []
    for batch in course.batches(4):
        losses.append(course.train_step(model, optimizer, batch))
        monitor.step(loss=losses[-1])
    losses.append(course.train_step(model, optimizer, course.train[4]))
    with pytest.warns(steadynorm.TrainingWarning, match="SN510"):
        monitor.step(loss=losses[-1])
    monitor.validated(torch.tensor(0.5))
    monitor.validated(float("nan"))
    monitor.close()
    assert of_kind(tmp_path / "run.jsonl", "loss") == [
        {"step": 5, "kind": "loss", "train": pytest.approx(float(losses[4]), rel=1e-5)},
        {"step": 5, "kind": "loss", "validation": 0.5},
        {"step": 5, "kind": "loss", "validation": None},
    ]
    (warning,) = of_kind(tmp_path / "run.jsonl", "warning")
    assert (warning["step"], warning["code"]) == (5, "SN510")
    assert warning["message"].startswith("2 layers keep 1.0% of the old value per update")


def test_a_compiled_model_is_monitored_by_its_own_names(course: Any, tmp_path: Path) -> None:
    """Its calls go unseen: the decay is not known, and everything else is."""
    compiled = torch.compile(course.Net(momentum=0.3), backend="eager")
    assert course.run(compiled, 30, every=10, run=tmp_path / "run.jsonl") == []
    last = of_kind(tmp_path / "run.jsonl", "statistics")[-1]["layers"]
    assert last.keys() == {"norm", "hidden_norm"}
    assert last["norm"]["updates_per_step"] == 1
    assert 0 < last["norm"]["mean_shift"] < 0.2


@pytest.mark.parametrize("left", ["", '{"step": 7, "ki'], ids=["ended", "stopped"])
def test_a_training_that_goes_on_is_added_to_the_file(course: Any, tmp_path: Path, left: str) -> None:
    path = tmp_path / "run.jsonl"
    course.run(course.Net(), 6, run=path)
    first = path.read_text(encoding="utf-8") + left
    path.write_text(first, encoding="utf-8")
    course.run(course.Net(), 6, run=path)
    both = path.read_text(encoding="utf-8")
    assert both.startswith(first)
    assert next(json.loads(each)["kind"] for each in both[len(first) :].split("\n") if each) == "run"


def test_a_file_of_another_kind_is_left_as_it_is(course: Any, tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text("epoch,loss\n1,0.5\n", encoding="utf-8")
    with pytest.raises(steadynorm.UnusableInputError, match="is there already and is no run file"):
        course.run(course.Net(), 6, run=path)
    assert path.read_text(encoding="utf-8") == "epoch,loss\n1,0.5\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_a_disk_that_is_full_from_the_start_is_said_in_a_line(course: Any) -> None:
    with pytest.raises(steadynorm.UnusableInputError, match="cannot write to /dev/full: No space left on device"):
        course.run(course.Net(), 6, run="/dev/full")
