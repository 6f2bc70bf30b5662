"""Ranks of one run: which files are some, and that each of them is checked."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import steadynorm

State = dict[str, torch.Tensor]


def state(seed: int = 0, *, moved: float = 0.0) -> State:
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, bias=False), torch.nn.BatchNorm2d(4), torch.nn.ReLU())
    found = model.state_dict()
    found["1.weight"] = torch.tensor([1.5, 0.5, 2.0, 1.25])
    found["1.bias"] = torch.tensor([0.5, -0.5, 0.25, 0.125])
    found["1.running_mean"] = torch.tensor([0.5, -0.25, 0.75, 1.0]) + moved
    found["1.running_var"] = torch.tensor([0.5, 2.0, 1.5, 0.75])
    found["1.num_batches_tracked"] = torch.tensor(1000)
    return found


def changed(given: State, **values: float) -> State:
    found = {name: tensor.clone() for name, tensor in given.items()}
    for name, value in values.items():
        found[f"1.{name}"][2] = value
    return found


def saved(folder: Path, *states: State) -> list[str]:
    for number, each in enumerate(states):
        torch.save(each, folder / f"model_rank{number}.pt")
    return [str(folder / f"model_rank{number}.pt") for number in range(len(states))]


def test_equal_ranks_are_one_model_without_findings(tmp_path: Path) -> None:
    result = steadynorm.check(saved(tmp_path, state(), state(), state()))

    assert [len(report.origin.files) for report in result.reports if report.origin] == [3]
    assert (result.findings, result.unread) == ((), ())


def test_weights_that_differ_by_rounding_are_one_model(tmp_path: Path) -> None:
    other = state()
    other["0.weight"] = other["0.weight"] * (1 + 2e-7)

    assert len(steadynorm.check(saved(tmp_path, state(), other)).reports) == 1


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (changed(state(), running_mean=float("nan")), "SN701"),
        (changed(state(), running_var=-1.0), "SN702"),
        (changed(state(), running_var=0.0), "SN703"),
    ],
)
@pytest.mark.parametrize("rank", [0, 1, 2])
def test_every_rank_is_checked(tmp_path: Path, broken: State, code: str, rank: int) -> None:
    states = [state(), state(), state()]
    states[rank] = broken
    result = steadynorm.check(saved(tmp_path, *states))
    (found,) = [each for each in result.findings if each.code != "SN402"]

    assert len(result.reports) == 1
    assert found.code == code
    assert ("model_rank" in found.message) == (rank > 0)
    if rank:
        assert found.message.startswith(f"in model_rank{rank}.pt: ")
        assert found.evidence["files"] == [str(tmp_path / f"model_rank{rank}.pt")]
    assert result.exit_status(steadynorm.finding.Severity.INFO) == 1


@pytest.mark.parametrize(
    ("broken", "told"),
    [((0, 1), "(likewise in the other rank)"), ((0, 2), "(likewise in model_rank2.pt)"), ((1, 2), "in model_rank1.pt")],
)
def test_what_several_ranks_show_is_said_once(tmp_path: Path, broken: tuple[int, ...], told: str) -> None:
    states = [changed(state(), running_var=-1.0 - at) if at in broken else state() for at in range(max(broken) + 1)]
    result = steadynorm.check(saved(tmp_path, *states), select="SN702")
    (found,) = result.findings

    assert told in found.message


def test_ranks_with_other_statistics_are_compared(tmp_path: Path) -> None:
    result = steadynorm.check(saved(tmp_path, state(), state(moved=3.0)))

    assert [found.code for found in result.findings] == ["SN402"]


def test_other_models_with_names_like_ranks_are_models_of_their_own(tmp_path: Path) -> None:
    result = steadynorm.check(saved(tmp_path, state(), state(1, moved=3.0)))

    assert len(result.reports) == 2
    assert result.findings == ()


def test_models_of_other_shapes_are_models_of_their_own(tmp_path: Path) -> None:
    other = {**state(), "0.weight": torch.ones(4, 5, 3, 3)}

    assert len(steadynorm.check(saved(tmp_path, state(), other)).reports) == 2
