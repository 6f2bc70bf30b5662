"""SN305 and SN401 on a live model: every broken example next to its healthy twin, on the digits."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, update_bn


def averaged(lab: Any) -> tuple[nn.Module, AveragedModel]:
    """A network and the mean of its weights over the run, both trained from scratch."""
    torch.manual_seed(0)
    model = lab.Net()
    average = AveragedModel(model)

    def step(model: nn.Module, optimizer: torch.optim.Optimizer, batch: Any) -> Tensor:
        loss = lab.train_step(model, optimizer, batch)
        average.update_parameters(model)
        return loss

    lab.train(model, lab.digits.train, step=step)
    return model, average


@pytest.mark.parametrize("given", [True, False], ids=["source given", "AveragedModel alone"])
@pytest.mark.parametrize("renewed", [True, False])
def test_sn305_averaged_model(lab: Any, renewed: bool, given: bool) -> None:
    model, average = averaged(lab)
    if renewed:
        update_bn(lab.digits.train, average)
    report = lab.diagnose(average, source_model=model if given else None)
    if renewed:
        lab.assert_healthy(report)
        return
    found = lab.assert_first(report, "SN305")
    assert found.certainty == "proven"
    assert set(found.layers) <= {"module.norm", "module.inner_norm", "module.hidden_norm"}
    if given:  # AveragedModel keeps the buffers in step with the source's
        assert found.evidence["equal_to_source"] == len(found.layers)


def test_sn305_teacher_with_the_statistics_of_the_student(lab: Any) -> None:
    """Weights far from the student's, with the student's buffers copied over."""
    student, _ = lab.healthy()
    torch.manual_seed(7)
    teacher = lab.Net()
    lab.train(teacher, lab.digits.train)
    lab.assert_healthy(lab.diagnose(teacher, source_model=student))
    for (_, theirs), (_, ours) in zip(student.named_buffers(), teacher.named_buffers(), strict=True):
        ours.copy_(theirs)
    found = lab.assert_first(lab.diagnose(teacher, source_model=student), "SN305")
    assert found.evidence["equal_to_source"] == 3
    assert found.certainty == "proven"
    # Without the student the statistics are still blamed, but not the copying.
    likely = lab.assert_first(lab.diagnose(teacher), "SN305")
    assert likely.certainty == "likely"
    assert "source_model" in likely.settle
    # Without a train step nobody knows whether the weights outran the average.
    assert ("SN104" in likely.message, "train_step" in likely.settle) == (True, True)
    step = lab.diagnose(teacher, train_step=lab.train_step, optimizer=torch.optim.SGD(teacher.parameters(), 1e-4))
    settled = lab.assert_first(step, "SN305")
    assert ("SN104" in settled.message, "train_step" in settled.settle) == (False, False)


def test_sn305_is_silent_on_an_exact_copy(lab: Any) -> None:
    model, _ = lab.healthy()
    lab.assert_healthy(lab.diagnose(copy.deepcopy(model), source_model=model))


def both_domains(second: Any) -> tuple[Any, Any, Any]:
    """A forward, target and train step that run each batch through the model twice: as it is, and changed."""

    def forward(model: nn.Module, batch: Any) -> Tensor:
        return torch.cat([model(batch[0]), model(second(batch[0]))])

    def target(batch: Any) -> Tensor:
        return torch.cat([batch[1], batch[1]])

    def step(model: nn.Module, optimizer: torch.optim.Optimizer, batch: Any) -> Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(forward(model, batch), target(batch))
        loss.backward()
        optimizer.step()
        return loss

    return forward, target, step


def inverted(x: Tensor) -> Tensor:
    return 3 * (1 - x)


def shifted(x: Tensor) -> Tensor:
    """The same distribution of images, moved by one pixel."""
    return torch.roll(x, 1, 3)


@pytest.mark.parametrize("second", [inverted, shifted])
def test_sn401_two_domains_share_one_set_of_statistics(lab: Any, second: Any) -> None:
    torch.manual_seed(0)
    forward, target, step = both_domains(second)
    model = lab.Net()
    optimizer = lab.train(model, lab.digits.train, step=step, epochs=6)
    report = lab.diagnose(model, forward=forward, target=target, train_step=step, optimizer=optimizer)
    if second is shifted:
        lab.assert_healthy(report)
        return
    found = lab.assert_first(report, "SN401")
    assert "norm" in found.layers
    assert found.effect.remedy == "separate statistics per input"
    assert found.effect.after > 0.93
    assert found.effect.before < found.effect.after - 0.2


def test_sn401_seen_in_the_train_step_alone(lab: Any) -> None:
    """The evaluation uses one domain only; that two are trained shows in the train step."""
    torch.manual_seed(0)
    _, _, step = both_domains(inverted)
    model = lab.Net()
    optimizer = lab.train(model, lab.digits.train, step=step, epochs=6)
    report = lab.diagnose(model, train_step=step, optimizer=optimizer)
    lab.assert_first(report, "SN401")
