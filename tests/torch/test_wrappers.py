"""Models in wrappers: they are diagnosed as what they wrap, and the wrappers stay as they are."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

import steadynorm

LOSS = nn.CrossEntropyLoss()


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))


def step(model: Any, optimizer: Any, batch: Any) -> Tensor:
    optimizer.zero_grad()
    loss = LOSS(model(batch[0]), batch[1])
    loss.backward()
    optimizer.step()
    return loss


def diagnosed(model: nn.Module, batches: list[Any], **functions: Any) -> steadynorm.Report:
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    before = copy.deepcopy([model.state_dict(), [each.training for each in model.modules()]])
    report = steadynorm.diagnose(
        model, batches, batches=2, loss=LOSS, train_step=step, optimizer=optimizer, **functions
    )
    state, modes = model.state_dict(), [each.training for each in model.modules()]
    assert all(torch.equal(state[key], value) for key, value in before[0].items())
    assert modes == before[1]
    assert report.evidence.steps.parameters_moved
    assert all(layer.updates == 1 for layer in report.evidence.steps.layers.values())
    return report


def scores(report: steadynorm.Report) -> list[Any]:
    return [(key, score.loss) for key, score in report.evidence.gap.scores.items()]


@pytest.fixture
def group(tmp_path: Path) -> Iterator[None]:
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'rendezvous'}", rank=0, world_size=1)
    try:
        yield
    finally:
        dist.destroy_process_group()


def test_data_parallel(digits: Any) -> None:
    plain, wrapped = diagnosed(network(), digits.train), diagnosed(nn.DataParallel(network()), digits.train)
    assert [layer.name for layer in wrapped.evidence.layers] == ["1"]
    assert scores(wrapped) == scores(plain)


def test_distributed_data_parallel(group: None, digits: Any) -> None:
    wrapped = diagnosed(DistributedDataParallel(network()), digits.train)
    assert scores(wrapped) == scores(diagnosed(network(), digits.train))


@pytest.mark.parametrize("place", ["around", "inside"])
def test_compiled(place: str, digits: Any) -> None:
    model = network()
    if place == "around":
        wrapped = torch.compile(model, backend="eager")
    else:
        model.compile(backend="eager")
        wrapped = model
    wrapped(digits.train[0][0])  # what was compiled already must not be used for the copy
    model.load_state_dict(network().state_dict())
    report = diagnosed(wrapped, digits.train)
    assert [layer.name for layer in report.evidence.layers] == ["1"]
    assert scores(report) == scores(diagnosed(network(), digits.train))


def test_a_compiled_part(digits: Any) -> None:
    model = network()
    body = torch.compile(model[:3], backend="eager")
    wrapped = nn.Sequential(body, model[3], model[4])
    wrapped(digits.train[0][0])
    model.load_state_dict(network().state_dict())
    report = diagnosed(wrapped, digits.train)
    assert len(report.evidence.calls) == 1
    assert scores(report) == scores(diagnosed(network(), digits.train))


def test_a_part_in_data_parallel(digits: Any) -> None:
    model = network()
    report = diagnosed(nn.Sequential(nn.DataParallel(model[:3]), model[3], model[4]), digits.train)
    assert scores(report) == scores(diagnosed(network(), digits.train))


def test_functions_reach_through_the_wrapper(group: None, digits: Any) -> None:
    model = DistributedDataParallel(network())
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def train_step(given: Any, batch: Any) -> None:
        assert given.module[1].training
        with given.no_sync():
            LOSS(given(batch[0]), batch[1]).backward()
        assert model.module is given.module
        optimizer.step()

    def evaluate(given: Any, batches: list[Any]) -> None:
        given.eval()
        assert not given.module[1].training
        for x, _ in batches:
            given.module(x)

    report = steadynorm.diagnose(
        model,
        digits.train,
        batches=2,
        loss=LOSS,
        forward=lambda model, batch: model.module(batch[0]),
        train_step=train_step,
        evaluate=evaluate,
    )
    assert report.evidence.steps.parameters_moved
    assert report.evidence.evaluation.batch_layers == ()


def test_synchronized_layers_wait_for_nobody(group: None, digits: Any) -> None:
    model = nn.SyncBatchNorm.convert_sync_batchnorm(network())
    report = diagnosed(model, digits.train)
    assert report.evidence.layers[0].kind == "SyncBatchNorm"
    assert scores(report) == scores(diagnosed(network(), digits.train))


def test_an_averaged_model(digits: Any) -> None:
    model = network()
    averaged = torch.optim.swa_utils.AveragedModel(model)
    averaged.update_parameters(model)
    report = steadynorm.diagnose(averaged, digits.train, batches=2, loss=LOSS, source_model=model)
    assert [layer.name for layer in report.evidence.layers] == ["module.1"]


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_a_scripted_model_is_refused(digits: Any) -> None:
    with pytest.raises(steadynorm.UnusableInputError, match=r"'1' is compiled TorchScript.*diagnose the model"):
        steadynorm.diagnose(torch.jit.script(network()), digits.train, batches=2, loss=LOSS)
