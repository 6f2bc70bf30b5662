"""Checks on one PyTorch checkpoint: real trainings gone wrong, each beside its healthy twin."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from steadynorm.finding import Certainty, Severity

# Healthy files.


def test_trained(trained: Any, lab: Any) -> None:
    assert lab.check(lab.state(trained)) == []


def test_trained_with_its_optimizer(fresh: Any, lab: Any) -> None:
    optimizer = lab.train(fresh)
    assert lab.check({"model": lab.state(fresh), "optimizer": optimizer.state_dict(), "epoch": 3}) == []


def test_untrained(fresh: Any, lab: Any) -> None:
    assert lab.check(lab.state(fresh)) == []


def test_untrained_with_random_scales(fresh: Any, lab: Any) -> None:
    nn.init.normal_(fresh.bn.weight, 1.0, 0.02)  # as GANs begin
    nn.init.zeros_(fresh.body[1].weight)  # as residual branches begin
    assert lab.codes(lab.check(lab.state(fresh))) == []


def test_pruned_channels_are_worth_knowing_only(trained: Any, lab: Any) -> None:
    with torch.no_grad():
        trained.bn.weight[:3] = 0
    assert lab.codes(lab.check(lab.state(trained))) == []


def test_pretrained_without_counts_and_frozen_on_purpose(trained: Any, lab: Any) -> None:
    for layer in (trained.bn, trained.body[1]):
        layer.num_batches_tracked.zero_()
    optimizer = lab.train(trained, prepare=lambda model: model.eval())
    assert lab.codes(lab.check({"model": lab.state(trained), "optimizer": optimizer.state_dict()})) == []


def test_gradient_accumulation_is_worth_knowing_only(fresh: Any, lab: Any) -> None:
    optimizer = lab.train(fresh, each=lambda model, step: model(lab.batch(step + 999)[0]))
    findings = lab.check({"model": lab.state(fresh), "optimizer": optimizer.state_dict()})
    assert lab.codes(findings) == []
    assert lab.codes(findings, Severity.INFO) == ["SN105"]


# Broken files.


# Broken files.


def test_updates_that_keep_all_of_the_old_value(fresh: Any, lab: Any) -> None:
    for layer in (fresh.bn, fresh.body[1]):
        layer.momentum = 0.0
    lab.train(fresh)
    found = lab.only(lab.check(lab.state(fresh)), "SN103")
    assert found.layers == ("body.1", "bn")
    assert found.certainty is Certainty.PROVEN


def test_one_layer_that_was_reset(trained: Any, lab: Any) -> None:
    trained.bn.reset_running_stats()
    assert lab.only(lab.check(lab.state(trained)), "SN103").layers == ("bn",)


def test_file_of_parameters_only(trained: Any, lab: Any) -> None:
    found = lab.check({name: each for name, each in lab.state(trained).items() if "running" not in name})
    # num_batches_tracked is a buffer that only layers with statistics have.
    assert lab.only(found, "SN301").layers == ("body.1", "bn")
    assert lab.only(found, "SN301").certainty is Certainty.PROVEN

    parameters = {name: each.detach() for name, each in trained.named_parameters()}
    found = lab.check(parameters)
    # Without it what is only numbered in a Sequential may be any layer, and a name is no proof.
    assert [(each.code, each.severity, each.layers) for each in found] == [("SN301", Severity.INFO, ("bn",))]
    # The earlier checkpoint, of the same weights, has the statistics.
    found = lab.check(parameters, lab.state(trained))
    assert lab.only(found, "SN301").certainty is Certainty.PROVEN


def test_other_normalizations_under_the_same_name(fresh: Any, lab: Any) -> None:
    fresh.bn = nn.GroupNorm(2, 8)
    fresh.body[1] = nn.Identity()
    assert lab.check(lab.state(fresh)) == []
    saved = {name: each.clone() for name, each in fresh.state_dict().items()}  # without the notes of PyTorch
    assert lab.codes(lab.check(saved)) == []
    assert lab.codes(lab.check({"state_dict": {f"model.{name}": each for name, each in saved.items()}})) == []


def test_layers_that_keep_no_statistics(fresh: Any, lab: Any) -> None:
    fresh.bn = nn.BatchNorm1d(8, track_running_stats=False)
    lab.train(fresh)
    found = lab.only(lab.check(fresh), "SN106")
    assert (found.layers, found.certainty) == (("bn",), Certainty.PROVEN)
    # The state dict has no more than the parameters, and the version of their module.
    found = lab.only(lab.check(lab.state(fresh)), "SN301")
    assert found.certainty is Certainty.LIKELY
    assert "track_running_stats=False" in found.remedy
    fresh.body[1] = nn.Identity()
    assert lab.only(lab.check(fresh), "SN106").layers == ("bn",)
    fresh.bn = nn.InstanceNorm1d(8, affine=True)
    assert lab.check(fresh) == []


def test_adapter_beside_layers_with_statistics(trained: Any, lab: Any) -> None:
    content = {name: each for name, each in lab.state(trained).items() if not name.startswith("bn.running")}
    assert lab.only(lab.check(content), "SN301").layers == ("bn",)


def test_evaluation_that_is_not_undone(fresh: Any, lab: Any) -> None:
    optimizer = lab.train(fresh, each=lambda model, step: model.eval() if step == 40 else None)
    found = lab.only(lab.check({"model": lab.state(fresh), "optimizer": optimizer.state_dict()}), "SN202")
    assert "40 updates" in found.message
    assert f"{lab.steps} optimizer steps" in found.message
    assert found.certainty is Certainty.LIKELY


def test_slow_average_over_a_short_run(fresh: Any, lab: Any) -> None:
    for layer in (fresh.bn, fresh.body[1]):
        layer.momentum = 0.003
    lab.train(fresh)
    found = lab.only(lab.check(fresh), "SN104")
    assert found.evidence["residual"] == pytest.approx(0.997**lab.steps)
    # What decay would leave one per cent after as many updates.
    assert found.evidence["decay_that_would_do"] == pytest.approx(0.01 ** (1 / lab.steps))
    assert lab.codes(lab.check(lab.state(fresh))) == []  # a state dict does not tell the momentum


def test_slow_average_that_began_with_a_pre_training(trained: Any, lab: Any) -> None:
    for layer in (trained.bn, trained.body[1]):
        layer.momentum = 0.003
        layer.running_var.mul_(0.01)
        layer.num_batches_tracked.zero_()
    lab.train(trained, 20)
    assert lab.check(trained) == []


def test_momentum_of_the_other_framework(fresh: Any, lab: Any) -> None:
    fresh.bn.momentum = 0.99
    lab.train(fresh)
    found = lab.only(lab.check(fresh), "SN510")
    assert (found.layers, found.severity, found.certainty) == (("bn",), Severity.ERROR, Certainty.LIKELY)
    assert "reads the statistics" in (found.settle or "")
    assert lab.check(lab.state(fresh)) == []


def test_epsilon_above_the_variance(fresh: Any, lab: Any) -> None:
    fresh.bn.eps = 1e4
    lab.train(fresh)
    assert lab.only(lab.check(fresh), "SN509").layers == ("bn",)
    assert lab.check(lab.state(fresh)) == []


def test_numbers(trained: Any, lab: Any) -> None:
    content = lab.state(trained)
    content["bn.running_var"][2] = -0.1
    assert lab.only(lab.check(content), "SN702").layers == ("bn",)
    content = lab.state(trained)
    content["bn.running_mean"][2] = float("nan")
    assert lab.only(lab.check(content), "SN701").layers == ("bn",)


def test_half_precision_matters_where_training_goes_on(fresh: Any, lab: Any) -> None:
    for layer in (fresh.body[1], fresh.bn):
        layer.running_mean = layer.running_mean.bfloat16()
        layer.running_var = layer.running_var.bfloat16()
    content = lab.state(fresh)
    trained = lab.Net()
    optimizer = lab.train(trained)
    content |= {name: each.bfloat16() for name, each in lab.state(trained).items() if "running" in name}
    found = lab.only(lab.check({"model": content, "optimizer": optimizer.state_dict()}), "SN704")
    assert found.layers == ("body.1", "bn")
    assert found.certainty is Certainty.PROVEN
    assert "update" in found.message


def test_a_training_in_half_precision(fresh: Any, lab: Any) -> None:
    half = fresh.bfloat16()
    optimizer = torch.optim.Adam(half.parameters(), 1e-2)
    for step in range(lab.steps):
        x, y = lab.batch(step)
        optimizer.zero_grad()
        nn.functional.cross_entropy(half(x.bfloat16()), y).backward()
        optimizer.step()
    found = lab.only(lab.check({"model": half.state_dict(), "optimizer": optimizer.state_dict()}), "SN704")
    assert found.certainty is Certainty.PROVEN
    assert "update" in found.message


@pytest.mark.parametrize("cast", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("whole", [False, True])
def test_a_file_that_was_cast_when_it_was_saved(fresh: Any, lab: Any, cast: torch.dtype, whole: bool) -> None:
    """As YOLO's trainers do: the model in half precision, and the optimizer that trained it in float32."""
    optimizer = lab.train(fresh, optimizer=torch.optim.SGD(fresh.parameters(), 0.05, momentum=0.9))
    model = copy.deepcopy(fresh).to(cast)
    content = {"epoch": 3, "updates": lab.steps, "optimizer": optimizer.state_dict()}
    found = lab.check({**content, "model": model if whole else model.state_dict()})
    assert "SN704" not in lab.codes(found, Severity.INFO)


@pytest.mark.parametrize("optimizer", [None, "without averages"])
def test_half_precision_of_a_file_that_does_not_tell_why(fresh: Any, lab: Any, optimizer: str | None) -> None:
    used = lab.train(fresh, optimizer=torch.optim.SGD(fresh.parameters(), 0.05))
    state = used.state_dict() if optimizer else None
    content = {"updates": lab.steps, "optimizer": state, "model": lab.state(fresh.half())}
    (found,) = (each for each in lab.check(content) if each.code == "SN704")
    assert (found.severity, found.certainty) == (Severity.INFO, Certainty.LIKELY)
    assert found.settle


def test_half_precision_of_a_file_for_inference(trained: Any, lab: Any) -> None:
    (found,) = lab.check(lab.state(trained.half()))
    assert (found.code, found.severity) == ("SN704", Severity.INFO)
    assert "update" not in found.message


def test_statistics_that_were_folded(trained: Any, lab: Any) -> None:
    """FrozenBatchNorm keeps scale, offset and both statistics as buffers, and no count."""
    folded = {name: each for name, each in lab.state(trained).items() if "tracked" not in name}
    for name, values in folded.items():
        if "running" in name:
            values.fill_(float("var" in name))
    found = lab.only(lab.check(folded), "SN103")
    assert (found.severity, found.certainty) == (Severity.WARNING, Certainty.LIKELY)
    assert "FrozenBatchNorm" in (found.settle or "")
    counted = {**folded, "bn.num_batches_tracked": torch.tensor(0), "body.1.num_batches_tracked": torch.tensor(0)}
    found = lab.only(lab.check(counted), "SN103")
    assert (found.severity, found.certainty) == (Severity.ERROR, Certainty.PROVEN)
    assert "model.train()" in found.remedy
    assert "UPDATE_OPS" not in found.remedy


def test_variances_far_below_the_default_epsilon(trained: Any, lab: Any) -> None:
    with torch.no_grad():
        trained.bn.running_var[:4] = 5e-7
    found = lab.only(lab.check(lab.state(trained)), "SN509")
    assert (found.layers, found.certainty) == (("bn",), Certainty.LIKELY)
    with torch.no_grad():
        trained.bn.running_var[:4] = 0.9**trained.bn.num_batches_tracked  # the input is constant
    assert lab.codes(lab.check(lab.state(trained))) == []
    with torch.no_grad():
        trained.bn.running_var[:4] = 5e-6  # below epsilon, but not by far
    assert lab.check(lab.state(trained)) == []
    with torch.no_grad():
        trained.bn.running_var[:4] = 5e-7
        trained.bn.weight[:4] = 1e-4  # channels that are switched off
    assert lab.codes(lab.check(lab.state(trained))) == []


def test_runs_that_are_too_short_for_any_decay(fresh: Any, lab: Any) -> None:
    longer = copy.deepcopy(fresh)
    lab.train(fresh, 2)
    (found,) = [each for each in lab.check(fresh) if each.code == "SN104"]
    assert "decay of at most" not in found.remedy
    assert "debiased" in found.remedy
    lab.train(longer, 12)
    (found,) = [each for each in lab.check(longer) if each.code == "SN104"]
    assert "decay of at most 0.681" in found.remedy  # 0.01 ** (1 / 12)
