"""A monitor changes no bit of the training, and no failure of it reaches the training."""

from __future__ import annotations

import copy
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import steadynorm
from steadynorm.monitoring.runfile import RunFile


class WithDropout(nn.Module):
    """A network whose training draws random numbers."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net, self.dropout = net, nn.Dropout(0.3)

    def forward(self, x: Tensor) -> Tensor:
        return self.net(self.dropout(x))


def hooks() -> int:
    """Hooks of all modules; what stands in a module itself shows where it is pickled."""
    return len(torch.nn.modules.module._global_forward_pre_hooks) + len(torch.nn.modules.module._global_forward_hooks)


@pytest.mark.parametrize("every", [1, 7, 100])
@pytest.mark.parametrize("broken", [False, True])
def test_the_training_is_the_same_bit_for_bit(course: Any, tmp_path: Path, every: int, broken: bool) -> None:
    model = WithDropout(course.Net(momentum=0.99 if broken else 0.1))
    twin = copy.deepcopy(model)
    states = []
    for each, options in (
        (twin, None),
        (model, {"every": every, "run": tmp_path / "run.jsonl", "tensorboard": tmp_path}),
    ):
        torch.manual_seed(1)
        np.random.seed(1)  # noqa: NPY002
        random.seed(1)
        if options is None:
            optimizer = torch.optim.Adam(each.parameters(), 3e-3)
            for batch in course.batches(220):
                course.train_step(each, optimizer, batch)
        else:
            course.run(each, 220, **options)
        states.append((torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()))  # noqa: NPY002
    assert torch.equal(states[0][0], states[1][0])
    assert states[0][1:] == states[1][1:]
    assert model.state_dict().keys() == twin.state_dict().keys()
    for name, value in model.state_dict().items():
        assert torch.equal(value, twin.state_dict()[name]), name
    assert hooks() == 0
    assert all(vars(new).keys() == vars(old).keys() for new, old in zip(model.modules(), twin.modules(), strict=True))


def test_a_full_disk_ends_the_monitoring_and_not_the_training(
    course: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: RunFile) -> None:
        raise OSError(28, "No space left on device")

    model = course.Net()
    monitor = steadynorm.Monitor(model, run=tmp_path / "run.jsonl")
    monkeypatch.setattr(RunFile, "flush", full)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    batches = list(course.batches(8))
    for batch in batches[:4]:
        monitor.step(loss=course.train_step(model, optimizer, batch))
    with pytest.warns(steadynorm.TrainingWarning, match=r"stopped at step 5.*No space left on device"):
        monitor.step()
    for batch in batches[4:]:
        monitor.step(loss=course.train_step(model, optimizer, batch))
    monitor.close()
    assert monitor.steps == 9
    assert hooks() == 0


def test_a_layer_that_cannot_be_read_any_more_ends_the_monitoring(course: Any) -> None:
    model = course.Net()
    monitor = steadynorm.Monitor(model, every=1)
    monitor.step()
    model.norm.running_mean = None
    with pytest.warns(steadynorm.TrainingWarning, match="the training goes on without it"):
        monitor.step()
    monitor.step()


def test_a_hook_that_fails_does_not_fail_the_forward_pass(course: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("cannot be read here")

    monkeypatch.setattr("steadynorm.torch.steplog.channel_moments", broken)
    assert course.run(course.Net(), 30) == [
        "monitoring stopped at step 5, the training goes on without it: RuntimeError: cannot be read here"
    ]


def test_an_exception_of_the_training_leaves_no_hook(course: Any) -> None:
    model = course.Net()

    def train() -> None:
        with steadynorm.Monitor(model) as monitor:
            for _ in range(3):
                monitor.step()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train()
    assert hooks() == 0


def test_an_optimizer_calls_the_monitor_until_it_is_closed(course: Any) -> None:
    model = course.Net()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with steadynorm.Monitor(model, optimizer=optimizer) as monitor:
        for batch in course.batches(6):
            course.train_step(model, optimizer, batch)
    course.train_step(model, optimizer, course.train[0])
    assert monitor.steps == 6
    assert not optimizer._optimizer_step_post_hooks


@pytest.mark.parametrize("model", [nn.Linear(2, 2), nn.BatchNorm1d(2, track_running_stats=False)])
def test_a_model_without_statistics_is_refused(model: nn.Module) -> None:
    with pytest.raises(steadynorm.NoNormalizationLayersError, match="keeps statistics"):
        steadynorm.Monitor(model)


def test_a_place_that_cannot_be_written_to_is_refused_before_the_training(course: Any, tmp_path: Path) -> None:
    model = course.Net()
    with pytest.raises(steadynorm.UnusableInputError, match="there is no folder"):
        steadynorm.Monitor(model, run=tmp_path / "none" / "run.jsonl")
    with pytest.raises(steadynorm.UnusableInputError, match="expected 1 or more"):
        steadynorm.Monitor(model, every=0)
    assert hooks() == 0


def test_a_model_is_pickled_meanwhile_as_without_a_monitor(course: Any) -> None:
    model = course.Net()
    plain = pickle.dumps(model)
    with steadynorm.Monitor(model) as monitor:
        for _ in range(6):
            assert pickle.dumps(model) == plain
            monitor.step()
            assert hooks() > 0
