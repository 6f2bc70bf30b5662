"""Checks on PyTorch checkpoints beside another: an earlier one, a copy inside the same file, other ranks."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from steadynorm.finding import Certainty, Severity

# Healthy files.


def test_training_that_goes_on(trained: Any, lab: Any) -> None:
    before = lab.state(trained)
    lab.train(trained)
    assert lab.check(lab.state(trained), before) == []


def test_statistics_that_were_estimated_anew(trained: Any, lab: Any) -> None:
    before = lab.state(trained)
    with torch.no_grad():
        for number in range(9):
            trained(lab.batch(number)[0])
    assert lab.check(lab.state(trained), before) == []


def test_frozen_backbone(trained: Any, lab: Any) -> None:
    before = lab.state(trained)
    for parameter in trained.body.parameters():
        parameter.requires_grad = False

    def prepare(model: Any) -> None:
        model.train()
        model.body.eval()

    lab.train(trained, shift=2.0, prepare=prepare)
    assert lab.check(lab.state(trained), before) == []


def test_only_the_head_is_new(trained: Any, lab: Any) -> None:
    before = lab.state(trained)
    nn.init.normal_(trained.head.weight)
    assert lab.check(lab.state(trained), before) == []


def test_another_training_of_the_same_network(fresh: Any, lab: Any) -> None:
    other = lab.Net()
    lab.train(fresh)
    lab.train(other, shift=1.0)
    assert lab.check(lab.state(fresh), lab.state(other)) == []


# Broken files.


def test_restore_that_misses_the_buffers(trained: Any, lab: Any) -> None:
    before = lab.state(trained)
    other = lab.Net()
    for mine, theirs in zip(other.parameters(), trained.parameters(), strict=True):
        mine.data.copy_(theirs)
    found = lab.only(lab.check(lab.state(other), before), "SN302")
    assert found.layers == ("body.1", "bn")
    assert found.certainty is Certainty.PROVEN
    assert lab.only(lab.check(lab.state(other)), "SN103").layers == ("body.1", "bn")


@pytest.mark.parametrize("wrapped", [False, True])
def test_average_of_the_parameters_only(fresh: Any, lab: Any, wrapped: bool) -> None:
    averaged = lab.Net()
    average = [each.detach().clone() for each in averaged.parameters()]

    def collect(model: Any, step: int) -> None:
        for mine, theirs in zip(average, model.parameters(), strict=True):
            mine.lerp_(theirs.detach(), 0.05)

    lab.train(fresh, each=collect)
    for mine, theirs in zip(averaged.parameters(), average, strict=True):
        mine.data.copy_(theirs)
    prefix = "module." if wrapped else ""
    content = {"model": lab.state(fresh), "ema": {prefix + name: each for name, each in lab.state(averaged).items()}}
    found = lab.only(lab.check(content), "SN305")
    assert len(found.layers) == 2
    assert found.certainty is Certainty.PROVEN

    for mine, theirs in zip(averaged.buffers(), fresh.buffers(), strict=True):
        mine.copy_(theirs)
    content["ema"] = lab.state(averaged)
    assert lab.only(lab.check(content), "SN305").certainty is Certainty.LIKELY

    with torch.no_grad():
        averaged.train()
        for number in range(50):
            averaged(lab.batch(number)[0])
    content["ema"] = lab.state(averaged)
    assert lab.check(content) == []


def test_average_that_stands_alone(fresh: Any, lab: Any) -> None:
    averaged = torch.optim.swa_utils.AveragedModel(fresh)
    lab.train(fresh, each=lambda model, step: averaged.update_parameters(model))
    assert lab.check(lab.state(averaged)) == []
    for layer in (averaged.module.bn, averaged.module.body[1]):
        layer.reset_running_stats()
    assert lab.only(lab.check(lab.state(averaged)), "SN305").certainty is Certainty.PROVEN


@pytest.mark.parametrize(
    ("model", "copy_of_it"),
    [
        ("student", "teacher"),
        ("encoder_q", "encoder_k"),
        ("backbone", "backbone_momentum"),
        ("net.online", "net.target"),
    ],
)
def test_copies_in_one_flat_dict(fresh: Any, lab: Any, model: str, copy_of_it: str) -> None:
    copied, whole = lab.Net(), copy.deepcopy(fresh)
    copied.load_state_dict(lab.state(fresh))

    def follow(trained: Any, step: int) -> None:
        with torch.no_grad():
            for mine, theirs in zip(copied.parameters(), trained.parameters(), strict=True):
                mine.lerp_(theirs, 0.05)
            for mine, theirs in zip(whole.state_dict().values(), trained.state_dict().values(), strict=True):
                mine.lerp_(theirs, 0.05) if mine.is_floating_point() else mine.copy_(theirs)

    lab.train(fresh, each=follow)

    def flat(second: Any) -> dict[str, Any]:
        both = ((model, fresh), (copy_of_it, second))
        return {f"{front}.{name}": each for front, part in both for name, each in lab.state(part).items()}

    found = lab.only(lab.check(flat(copied)), "SN305")
    assert set(found.layers) == {f"{copy_of_it}.body.1", f"{copy_of_it}.bn"}
    assert lab.check(flat(whole)) == []
    # Another network of the same build is no copy: what is wrong with it is its own.
    other = lab.Net()
    lab.train(other, prepare=lambda each: each.eval())
    if copy_of_it in ("encoder_k", "backbone_momentum"):
        assert lab.codes(lab.check(flat(other))) == ["SN103"]


@pytest.mark.parametrize("as_list", [False, True])
def test_averages_that_are_no_state_dict(fresh: Any, lab: Any, as_list: bool) -> None:
    average = [each.detach().clone() for each in fresh.parameters()]

    def collect(model: Any, step: int) -> None:
        for mine, theirs in zip(average, model.parameters(), strict=True):
            mine.lerp_(theirs.detach(), 0.05)

    lab.train(fresh, each=collect)

    def content(parameters: list[Any]) -> dict[str, Any]:
        names = [name for name, _ in fresh.named_parameters()]
        inside: Any = (
            {"decay": 0.95, "shadow_params": parameters} if as_list else dict(zip(names, parameters, strict=True))
        )
        return {"net": lab.state(fresh), "ema": inside}

    found = lab.only(lab.check(content(average)), "SN305")
    assert set(found.layers) in ({"bn", "body.1"}, {"net.bn", "net.body.1"})
    assert lab.check(content([each.detach() for each in fresh.parameters()])) == []


def test_target_network_that_was_synchronized(trained: Any, lab: Any) -> None:
    assert lab.check({"model": lab.state(trained), "target": lab.state(trained)}) == []


def test_ranks(trained: Any, lab: Any) -> None:
    other, far = copy.deepcopy(trained), copy.deepcopy(trained)
    with torch.no_grad():
        for number in range(40):
            trained(lab.batch(number)[0])
            other(lab.batch(number + 500)[0])
            far(lab.batch(number, shift=5.0)[0])
    assert lab.check(lab.state(trained), ranks=(lab.state(trained),)) == []
    assert lab.check(lab.state(trained), ranks=(lab.state(other),)) == []
    found = lab.only(lab.check(lab.state(trained), ranks=(lab.state(other), lab.state(far))), "SN402")
    assert "body.1" in found.layers


def test_ranks_that_are_different_models(trained: Any, lab: Any) -> None:
    other = copy.deepcopy(trained)
    lab.train(other, shift=5.0)
    assert lab.check(lab.state(trained), ranks=(lab.state(other),)) == []


def test_fine_tuned_in_inference_mode(trained: Any, lab: Any) -> None:
    before = lab.state(trained)
    lab.train(trained, shift=3.0, prepare=lambda model: model.eval())
    found = lab.only(lab.check(lab.state(trained), before), "SN602")
    assert set(found.layers) == {"body.1", "bn"}
    assert found.certainty is Certainty.LIKELY


def test_frozen_layers_that_move(trained: Any, lab: Any) -> None:
    before = lab.state(trained)
    for parameter in trained.body.parameters():
        parameter.requires_grad = False
    lab.train(trained, shift=3.0)
    found = lab.only(lab.check(lab.state(trained), before), "SN601")
    assert found.layers == ("body.1",)
    assert found.certainty is Certainty.PROVEN


@pytest.mark.parametrize("front", ["module.", "_orig_mod.", "module._orig_mod.", "model.backbone.", "a.b."])
def test_weights_are_found_in_any_wrapping(trained: Any, lab: Any, front: str) -> None:
    before = lab.state(trained)
    for parameter in trained.body.parameters():
        parameter.requires_grad = False
    for parameter in trained.bn.parameters():
        parameter.requires_grad = False  # the head alone is trained
    lab.train(trained, shift=3.0)
    now = {f"{front}{name}": each for name, each in lab.state(trained).items()}
    assert set(lab.only(lab.check(now, before), "SN601").layers) == {f"{front}body.1", f"{front}bn"}
    with torch.no_grad():
        trained.head.load_state_dict({name[5:]: each for name, each in before.items() if name.startswith("head.")})
    assert lab.check({f"{front}{name}": each for name, each in lab.state(trained).items()}, before) == []


def moved_variance(content: dict[str, Any], by: float) -> dict[str, Any]:
    return {name: each + by if "running_var" in name else each for name, each in content.items()}


def test_conversion_between_two_epsilons(trained: Any, lab: Any) -> None:
    for layer in (trained.bn, trained.body[1]):
        layer.running_var.mul_(1e-3)
    before = lab.state(trained)
    (found,) = lab.check(moved_variance(before, 1e-3 - 1e-5), before)
    assert (found.code, found.severity, found.certainty) == ("SN304", Severity.INFO, Certainty.LIKELY)
    assert "0.00099 larger" in found.message
    assert "0.001 − 1e-05" in found.message
    assert "add 0" not in found.remedy
    assert lab.check(moved_variance(before, 0.0), before) == []


def test_an_offset_of_the_variance_where_both_epsilons_are_known(trained: Any, lab: Any) -> None:
    for layer in (trained.bn, trained.body[1]):
        layer.running_var.mul_(1e-3)
    before = copy.deepcopy(trained)
    for layer in (trained.bn, trained.body[1]):
        layer.running_var.add_(1e-3 - 1e-5)
        layer.eps = 1e-5
    for layer in (before.bn, before.body[1]):
        layer.eps = 1e-3
    assert lab.check(trained, before) == []
    for layer in (before.bn, before.body[1]):
        layer.eps = 1e-5
    found = lab.only(lab.check(trained, before), "SN304")
    assert found.certainty is Certainty.PROVEN
    assert "Add -0.00099 to the variances" in found.remedy
