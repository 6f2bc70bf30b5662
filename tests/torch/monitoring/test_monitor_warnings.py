"""What a monitor warns of: every broken training next to its healthy twin, on the digits."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional
from torch.optim.swa_utils import update_bn
from torch.utils.checkpoint import checkpoint

import steadynorm


def codes(warned: list[str]) -> list[str]:
    return [text.split(":")[0] for text in warned]


@pytest.mark.parametrize("every", [1, 10, 100])
@pytest.mark.parametrize("momentum", [0.1, 0.3])
def test_a_healthy_training_is_silent(course: Any, every: int, momentum: float) -> None:
    assert course.run(course.Net(momentum), 420, every=every) == []


def test_a_healthy_training_of_one_epoch_is_silent(course: Any) -> None:
    assert course.run(course.Net(momentum=0.3), 22) == []


def functional_step(keep: bool) -> Callable[..., Tensor]:
    def step(model: nn.Module, optimizer: torch.optim.Optimizer, batch: Any) -> Tensor:
        optimizer.zero_grad()
        buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
        output = functional_call(model, {**dict(model.named_parameters()), **buffers}, (batch[0],))
        loss = functional.cross_entropy(output, batch[1])
        loss.backward()
        optimizer.step()
        if keep:
            for name, buffer in model.named_buffers():
                buffer.copy_(buffers[name])
        return loss.detach()

    return step


@pytest.mark.parametrize(("keep", "expected"), [(False, ["SN101"]), (True, [])])
def test_sn101_updates_that_never_arrive(course: Any, keep: bool, expected: list[str]) -> None:
    assert codes(course.run(course.Net(), step=functional_step(keep))) == expected


@pytest.mark.parametrize(("tracked", "expected"), [(False, ["SN102"]), (True, [])])
def test_sn102_some_layers_never_update(course: Any, tracked: bool, expected: list[str]) -> None:
    model = course.Net()
    model.hidden_norm.track_running_stats = tracked
    warned = course.run(model)
    assert codes(warned) == expected
    assert all("2 train steps" not in text for text in warned)


@pytest.mark.parametrize(("momentum", "expected"), [(0.001, ["SN104"]), (0.1, [])])
def test_sn104_an_average_that_has_not_arrived_at_the_end(course: Any, momentum: float, expected: list[str]) -> None:
    warned = course.run(course.Net(momentum), 120, every=10)
    assert codes(warned) == expected
    # By hand: 0.999 ** 120 of the initial value is left.
    assert all("After 120 updates with decay 0.999 (momentum 0.001) 89 %" in text for text in warned)


def test_sn104_is_silent_where_the_statistics_were_reestimated_before_the_end(course: Any) -> None:
    def reestimated(index: int, model: nn.Module) -> None:
        if index == 119:
            update_bn([x for x, _ in course.train], model)

    assert course.run(course.Net(0.001), 120, every=10, between=reestimated) == []


def checkpointed(reentrant: bool) -> Callable[..., Tensor]:
    def step(model: Any, optimizer: torch.optim.Optimizer, batch: Any) -> Tensor:
        optimizer.zero_grad()
        x = batch[0].clone().requires_grad_()
        output = checkpoint(model, x, use_reentrant=reentrant)
        loss = functional.cross_entropy(output, batch[1])
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


@pytest.mark.parametrize("reentrant", [True, False])
def test_sn105_activation_checkpointing(course: Any, reentrant: bool) -> None:
    assert codes(course.run(course.Net(), step=checkpointed(reentrant))) == ["SN105"]


def test_sn105_is_silent_about_micro_batches(course: Any) -> None:
    """Every second step of the optimizer takes in two batches: two updates, each from its own input."""
    pending: list[Tensor] = []

    def step(model: Any, optimizer: torch.optim.Optimizer, batch: Any) -> Tensor:
        optimizer.zero_grad()
        for half in (slice(0, 30), slice(30, None)):
            loss = functional.cross_entropy(model(batch[0][half]), batch[1][half])
            loss.backward()
            pending.append(loss.detach())
        optimizer.step()
        return pending[-1]

    assert course.run(course.Net(), 300, step=step) == []


def evaluated(mode: bool, course: Any) -> Callable[[int, nn.Module], None]:
    @torch.no_grad()
    def between(index: int, model: nn.Module) -> None:
        if index % 22 == 21:
            model.train(mode)
            for x, _ in course.validation:
                model(x)
            model.train()

    return between


@pytest.mark.parametrize(("mode", "expected"), [(True, ["SN107"]), (False, [])])
@pytest.mark.parametrize("every", [1, 10, 100])
def test_sn107_an_evaluation_in_training_mode(course: Any, every: int, mode: bool, expected: list[str]) -> None:
    warned = course.run(course.Net(), 320, every=every, between=evaluated(mode, course))
    assert codes(warned) == expected


def test_sn107_counts_what_was_updated_between_the_steps(course: Any) -> None:
    """Of 200 steps after the first judgement (5 to 205) 9 ends of an epoch of 22 steps, 7 batches each."""
    warned = course.run(course.Net(), 205, between=evaluated(True, course), every=205)
    assert "In 200 steps the statistics of 2 layers were updated 263 times, 63 of them" in warned[0]


def test_sn107_is_silent_about_statistics_that_are_reestimated_on_purpose(course: Any) -> None:
    def between(index: int, model: nn.Module) -> None:
        if index % 50 == 49:
            update_bn([x for x, _ in course.train], model)

    assert course.run(course.Net(), 320, every=20, between=between) == []


def test_sn202_training_in_inference_mode(course: Any) -> None:
    model = course.Net().eval()
    assert codes(course.run(model)) == ["SN202"]


@pytest.mark.parametrize(("undone", "expected"), [(False, ["SN203"]), (True, [])])
def test_sn203_an_evaluation_that_leaves_the_model_in_inference_mode(
    course: Any, undone: bool, expected: list[str]
) -> None:
    def between(index: int, model: nn.Module) -> None:
        if index == 50:
            model.eval()
            model(course.validation[0][0])
            model.train(undone)

    assert codes(course.run(course.Net(), 440, between=between)) == expected


def test_sn203_is_silent_where_only_the_normalization_layers_are_frozen_late(course: Any) -> None:
    def between(index: int, model: Any) -> None:
        if index == 200:
            model.norm.eval()
            model.hidden_norm.eval()

    assert course.run(course.Net(), 640, between=between) == []


@pytest.mark.parametrize(("momentum", "expected"), [(0.99, ["SN510"]), (0.1, [])])
def test_sn510_the_other_frameworks_momentum(course: Any, momentum: float, expected: list[str]) -> None:
    assert codes(course.run(course.Net(momentum))) == expected


@pytest.mark.parametrize(("frozen_well", "expected"), [(False, ["SN601"]), (True, [])])
def test_sn601_a_frozen_layer_that_moves(course: Any, frozen_well: bool, expected: list[str]) -> None:
    model = course.Net()
    course.run(model)
    model.norm.requires_grad_(False)
    model.norm.train(not frozen_well)
    warned = course.run(model)
    assert codes(warned) == expected
    assert all("1 layer" in text for text in warned)


def test_sn601_is_silent_about_a_network_that_is_frozen_for_the_others_turn(course: Any) -> None:
    """As GANs are trained: a second network's parameters stand frozen at the end of every step, and are trained."""
    first, second = course.Net(), course.Net()
    both = nn.ModuleList([first, second])
    optimizer = torch.optim.Adam(second.parameters(), 1e-3)

    def step(model: Any, other: torch.optim.Optimizer, batch: Any) -> Tensor:
        second.requires_grad_(True)
        course.train_step(second, optimizer, batch)
        second.requires_grad_(False)
        return course.train_step(first, other, batch)

    assert course.run(both, step=step) == []


def test_sn701_statistics_that_are_not_finite(course: Any) -> None:
    broken = course.train[3][0].clone()
    broken[0, 0, 0, 0] = torch.nan

    def step(model: Any, optimizer: torch.optim.Optimizer, batch: Any) -> Tensor:
        if batch is course.train[7]:
            with torch.no_grad():
                model(broken)
        return course.train_step(model, optimizer, batch)

    assert "SN701" in codes(course.run(course.Net(), step=step))


def test_sn702_a_variance_below_zero(course: Any) -> None:
    def between(index: int, model: Any) -> None:
        model.norm.running_var[2] = -0.5

    model = course.Net(momentum=0.05)
    assert "SN702" in codes(course.run(model, 30, between=between))


@pytest.mark.parametrize(("dtype", "expected"), [(torch.bfloat16, ["SN704"]), (torch.float32, [])])
def test_sn704_statistics_in_half_precision(course: Any, dtype: torch.dtype, expected: list[str]) -> None:
    def step(model: Any, optimizer: torch.optim.Optimizer, batch: Any) -> Tensor:
        return course.train_step(model, optimizer, (batch[0].to(dtype), batch[1]))

    assert codes(course.run(course.Net().to(dtype), step=step)) == expected


def test_each_cause_is_warned_of_once(course: Any) -> None:
    warned = course.run(course.Net(), 600, step=functional_step(keep=False), every=10)
    assert codes(warned) == ["SN101"]


def test_findings_are_kept_with_their_numbers(course: Any) -> None:
    model = course.Net()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    monitor = steadynorm.Monitor(model)
    for batch in course.batches(5):
        functional_step(keep=False)(model, optimizer, batch)
        if monitor.steps < 4:
            monitor.step()
    with pytest.warns(steadynorm.TrainingWarning, match="SN101"):
        monitor.step()
    monitor.close()
    (found,) = monitor.findings
    assert found.layers == ("norm", "hidden_norm")


def test_statistics_of_a_copy_are_not_touched(course: Any) -> None:
    model = course.Net()
    other = copy.deepcopy(model)
    course.run(model)
    assert torch.equal(other.norm.running_mean, torch.zeros(8))
