"""SN1 on a live model: every broken example next to its healthy twin, on the digits."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils.checkpoint import checkpoint

from steadynorm.checks.registry import run
from steadynorm.evidence import Score, Trial


def test_a_healthy_network_has_no_findings(lab: Any) -> None:
    model, optimizer = lab.healthy()
    report = lab.diagnose(model, train_step=lab.train_step, optimizer=optimizer, evaluate=lab.evaluate)
    lab.assert_healthy(report)
    assert report.evidence.gap.size == 0


@pytest.mark.parametrize("mode", [True, False])
def test_a_healthy_network_is_healthy_in_whatever_mode_it_is_handed_over(lab: Any, mode: bool) -> None:
    model, optimizer = lab.healthy()
    model.train(mode)
    lab.assert_healthy(lab.diagnose(model, train_step=lab.train_step, optimizer=optimizer))


def functional_step(keep: bool) -> Any:
    """A train step that runs the model functionally; its buffers are updated in a copy that is kept or dropped."""

    def step(model: nn.Module, optimizer: torch.optim.Optimizer, batch: Any) -> Tensor:
        optimizer.zero_grad()
        buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
        output = functional_call(model, {**dict(model.named_parameters()), **buffers}, (batch[0],))
        loss = nn.functional.cross_entropy(output, batch[1])
        loss.backward()
        optimizer.step()
        if keep:
            for name, buffer in model.named_buffers():
                buffer.copy_(buffers[name])
        return loss

    return step


@pytest.mark.parametrize("keep", [False, True], ids=["dropped", "kept"])
def test_sn101_updates_of_a_functional_call(lab: Any, keep: bool) -> None:
    torch.manual_seed(0)
    model, step = lab.Net(), functional_step(keep)
    optimizer = lab.train(model, lab.digits.train, step=step)
    report = lab.diagnose(model, train_step=step, optimizer=optimizer)
    if keep:
        lab.assert_healthy(report)
        return
    found = lab.assert_first(report, "SN101")
    assert found.certainty == "proven"
    assert found.layers == ("norm", "inner_norm", "hidden_norm")
    assert found.effect.after > 0.93
    assert found.effect.before < found.effect.after - 0.2
    assert found.effect.share > 0.95


def test_sn101_momentum_zero(lab: Any) -> None:
    torch.manual_seed(0)
    model = lab.Net(momentum=0.0)
    optimizer = lab.train(model, lab.digits.train)
    report = lab.diagnose(model, train_step=lab.train_step, optimizer=optimizer)
    assert lab.assert_first(report, "SN101").effect.share > 0.95
    assert "SN103" not in lab.codes(report)


def test_sn102_some_layers_update_others_never(lab: Any) -> None:
    torch.manual_seed(0)
    model = lab.Net()
    model.inner_norm.track_running_stats = False  # stops the updates, not the batch moments of training
    optimizer = lab.train(model, lab.digits.train)
    report = lab.diagnose(model, train_step=lab.train_step, optimizer=optimizer)
    assert lab.assert_first(report, "SN102").layers == ("inner_norm",)


def test_sn103_statistics_at_initialization(lab: Any) -> None:
    model, optimizer = lab.healthy()
    for layer in (model.norm, model.inner_norm, model.hidden_norm):
        layer.reset_running_stats()
    report = lab.diagnose(model)
    found = lab.assert_first(report, "SN103")
    assert found.layers == ("norm", "inner_norm", "hidden_norm")
    assert found.effect.share > 0.95
    with_step = lab.assert_first(lab.diagnose(model, train_step=lab.train_step, optimizer=optimizer), "SN103")
    assert "lost afterwards" in with_step.message


def test_sn103_is_silent_on_an_untrained_network(lab: Any) -> None:
    torch.manual_seed(1)
    lab.assert_healthy(lab.diagnose(lab.Net()))


def test_sn104_decay_too_slow_for_the_run(lab: Any) -> None:
    torch.manual_seed(0)
    model = lab.Net(momentum=0.001)
    optimizer = lab.train(model, lab.digits.train)
    report = lab.diagnose(model, train_step=lab.train_step, optimizer=optimizer)
    found = lab.assert_first(report, "SN104")
    assert found.severity == "error"
    assert found.certainty == "proven"
    updates = 4 * len(lab.digits.train)
    assert found.evidence["updates"] == updates
    assert found.evidence["residual"] == pytest.approx(0.999**updates)
    # The decay that would have done leaves exactly one percent of the initial value.
    assert found.evidence["decay_that_would_do"] ** updates == pytest.approx(0.01)
    assert found.effect.share > 0.95


def test_sn104_small_share_of_the_initial_variance_over_a_smaller_variance(lab: Any) -> None:
    """Images scaled twice: 88 updates leave 0.9^88 = 9e-5 of the initial variance, and the batch's is 4e-6."""
    torch.manual_seed(0)
    data = [(x / 4080, y) for x, y in lab.digits.train]
    validation = [(x / 4080, y) for x, y in lab.digits.validation]
    model = lab.Net()
    optimizer = lab.train(model, data, epochs=4)
    report = lab.diagnose(
        model, train_data=data, validation_data=validation, train_step=lab.train_step, optimizer=optimizer
    )
    found = lab.assert_first(report, "SN104")
    assert found.evidence["residual"] == pytest.approx(0.9 ** (4 * len(data)))
    assert "decay of at most" in found.remedy
    assert found.effect.share > 0.95


def test_sn104_weights_that_outrun_the_average(lab: Any) -> None:
    """A learning rate and a weight decay at which no average over ten steps keeps up."""
    torch.manual_seed(3)
    model = lab.Net()
    optimizer = torch.optim.Adam(model.parameters(), 0.03, weight_decay=0.03)
    model.train()
    for batch in lab.digits.train * 5:
        lab.train_step(model, optimizer, batch)
    report = lab.diagnose(model, train_step=lab.train_step, optimizer=optimizer)
    found = lab.assert_first(report, "SN104")
    assert found.certainty == "proven"
    assert found.evidence["moved_by_steps"] > 0.1
    # Without the train step nobody can tell it from statistics of other weights.
    assert lab.assert_first(lab.diagnose(model), "SN305").certainty == "likely"


def test_sn104_a_large_mean_needs_more_than_another_decay(lab: Any) -> None:
    """Inputs of mean 1e4: 88 updates leave 0.9^88 = 9e-5 of the initial mean 0, many deviations of the batch."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm2d(1), lab.Net())
    data = [(x + 1e4, y) for x, y in lab.digits.train]
    validation = [(x + 1e4, y) for x, y in lab.digits.validation]
    optimizer = lab.train(model, data, epochs=4)
    report = lab.diagnose(
        model, train_data=data, validation_data=validation, train_step=lab.train_step, optimizer=optimizer
    )
    found = next(each for each in report.findings if each.code == "SN104" and "0" in each.layers)
    # One percent of a deviation in 88 updates: (0.01 / (1e4 / deviation))^(1/88) is below the decay of 0.9.
    deviation = float(torch.cat([x for x, _ in data]).std())
    enough = (0.01 * deviation / 1e4) ** (1 / (4 * len(data)))
    assert found.evidence["decay_that_would_do"] == pytest.approx(enough, rel=0.01)
    assert enough < 0.9


def test_sn104_a_cumulative_average_is_the_slowest(lab: Any) -> None:
    torch.manual_seed(0)
    model = lab.Net(momentum=None)
    optimizer = lab.train(model, lab.digits.train)
    report = lab.diagnose(model, train_step=lab.train_step, optimizer=optimizer)
    found = lab.assert_first(report, "SN104")
    assert "momentum=None" in found.message
    assert found.evidence["decay"] is None


@pytest.mark.parametrize("momentum", [0.1, 0.3])
def test_sn104_is_silent_where_the_decay_suits_the_run(lab: Any, momentum: float) -> None:
    torch.manual_seed(0)
    model = lab.Net(momentum=momentum)
    optimizer = lab.train(model, lab.digits.train)
    lab.assert_healthy(lab.diagnose(model, train_step=lab.train_step, optimizer=optimizer))


class Checkpointed(nn.Module):
    """Recomputes a part of the network in the backward pass."""

    def __init__(self, net: nn.Module, *, with_norms: bool) -> None:
        super().__init__()
        self.net, self.with_norms = net, with_norms

    def forward(self, x: Tensor) -> Tensor:
        net = self.net
        if self.with_norms:
            features = checkpoint(net.features, x, use_reentrant=False)
            return net.head(torch.relu(net.hidden_norm(net.hidden(features.flatten(1)))))
        hidden = net.hidden_norm(net.hidden(net.features(x).flatten(1)))
        return checkpoint(lambda value: net.head(torch.relu(value)), hidden, use_reentrant=False)


@pytest.mark.parametrize("with_norms", [True, False])
def test_sn105_activation_checkpointing(lab: Any, with_norms: bool) -> None:
    torch.manual_seed(0)
    model = Checkpointed(lab.Net(), with_norms=with_norms)
    optimizer = lab.train(model, lab.digits.train)
    report = lab.diagnose(model, train_step=lab.train_step, optimizer=optimizer)
    if not with_norms:
        lab.assert_healthy(report)
        return
    found = lab.assert_first(report, "SN105")
    assert found.layers == ("net.norm", "net.inner_norm")
    assert found.evidence["updates_per_step"] == {"net.norm": 2, "net.inner_norm": 2}


def test_sn105_second_forward_pass(lab: Any) -> None:
    model, optimizer = lab.healthy()

    def step(model: nn.Module, optimizer: torch.optim.Optimizer, batch: Any) -> Tensor:
        with torch.no_grad():
            model(batch[0])  # for the log
        return lab.train_step(model, optimizer, batch)

    lab.assert_first(lab.diagnose(model, train_step=step, optimizer=optimizer), "SN105")


def test_sn106_no_population_statistics(lab: Any) -> None:
    torch.manual_seed(0)
    model = lab.Net()
    for name in ("norm", "inner_norm", "hidden_norm"):
        old = getattr(model, name)
        setattr(model, name, type(old)(old.num_features, track_running_stats=False))
    lab.train(model, lab.digits.train)
    found = lab.assert_first(lab.diagnose(model), "SN106")
    assert found.layers == ("norm", "inner_norm", "hidden_norm")
    # In pairs of samples the predictions are bad, with statistics they are good.
    assert found.effect.after > 0.93
    assert found.effect.before < found.effect.after - 0.1


def test_sn106_group_normalization_has_nothing_to_check(lab: Any) -> None:
    torch.manual_seed(0)
    model = lab.Net()
    model.norm, model.inner_norm = nn.GroupNorm(4, 16), nn.GroupNorm(4, 16)
    model.hidden_norm = nn.LayerNorm(32)
    report = lab.diagnose(model)
    assert report.findings == ()
    assert report.exit_status() == 3


def evaluate_in_training_mode(model: nn.Module, batches: Any) -> float:
    model.train()
    with torch.no_grad():
        right = sum(int((model(x).argmax(1) == y).sum()) for x, y in batches)
    return right / sum(len(y) for _, y in batches)


def test_sn107_evaluation_moves_the_statistics(lab: Any) -> None:
    model, optimizer = lab.healthy()
    report = lab.diagnose(model, train_step=lab.train_step, optimizer=optimizer, evaluate=evaluate_in_training_mode)
    assert lab.assert_first(report, "SN107").layers == ("norm", "inner_norm", "hidden_norm")
    lab.assert_healthy(lab.diagnose(model, evaluate=lab.evaluate))


def skipping_step(lab: Any, *, corrupt: float, restore: bool) -> Any:
    """A train step that skips the optimizer where the loss is not finite, as guards against bad batches do."""
    calls = iter(range(1000))

    def step(model: nn.Module, optimizer: torch.optim.Optimizer, batch: Any) -> Tensor:
        kept = {name: buffer.clone() for name, buffer in model.named_buffers()}
        optimizer.zero_grad()
        x = batch[0] * corrupt if next(calls) % 5 == 1 else batch[0]
        loss = nn.functional.cross_entropy(model(x), batch[1])
        if torch.isfinite(loss):
            loss.backward()
            optimizer.step()
        elif restore:
            for name, buffer in model.named_buffers():
                buffer.copy_(kept[name])
        return loss

    return step


@pytest.mark.parametrize("restore", [False, True])
def test_sn108_statistics_take_in_a_batch_whose_step_was_skipped(lab: Any, restore: bool) -> None:
    model, optimizer = lab.healthy()
    report = lab.diagnose(
        model, train_step=skipping_step(lab, corrupt=float("nan"), restore=restore), optimizer=optimizer
    )
    if restore:
        lab.assert_healthy(report)
        return
    found = lab.assert_first(report, "SN108")
    assert found.severity == "error"
    assert found.evidence == {"skipped": 1, "damaging": 1, "steps": 5}


def test_sn108_a_scaler_that_finds_its_scale_does_no_harm(lab: Any) -> None:
    """The gradients overflow, the activations do not: the statistics take in moments like any others."""
    model, optimizer = lab.healthy()
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**120)

    def step(model: nn.Module, optimizer: torch.optim.Optimizer, batch: Any) -> Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(batch[0]), batch[1])
        scaler.scale(loss * 1e6).backward()
        scaler.step(optimizer)
        scaler.update()
        return loss

    before = copy.deepcopy(scaler.state_dict())
    report = lab.diagnose(model, train_step=step, optimizer=optimizer)
    assert scaler.state_dict() == before
    lab.assert_healthy(report)
    assert lab.codes(report) == ["SN108"]
    assert report.findings[0].severity == "info"


@pytest.mark.parametrize("careful", [False, True])
def test_sn107_an_evaluation_inside_the_train_step(lab: Any, careful: bool) -> None:
    """Validation images of another brightness pass through the network after every step, for the log."""
    torch.manual_seed(0)
    model = lab.Net()
    bright = 3 * lab.digits.validation[0][0] + 2

    def step(model: nn.Module, optimizer: torch.optim.Optimizer, batch: Any) -> Tensor:
        loss = lab.train_step(model, optimizer, batch)
        if careful:
            model.eval()
        with torch.no_grad():
            model(bright)
        if careful:
            model.train()
        return loss

    optimizer = lab.train(model, lab.digits.train, step=step)
    report = lab.diagnose(model, train_step=step, optimizer=optimizer)
    if careful:
        lab.assert_healthy(report)
    else:
        assert "norm" in lab.assert_first(report, "SN107").layers
        assert "SN401" not in lab.codes(report)


def test_a_train_step_that_trains_nothing_is_no_evidence(lab: Any) -> None:
    model, _ = lab.healthy()

    def step(model: nn.Module, batch: Any) -> Tensor:
        return nn.functional.cross_entropy(model(batch[0]), batch[1])  # no optimizer.step()

    report = lab.diagnose(model, train_step=step)
    assert {each.code for each in report.not_assessed if "changed no parameter" in each.reason} >= {"SN101", "SN601"}


def test_validation_data_that_were_prepared_otherwise(lab: Any) -> None:
    """Not scaled to [0, 1]: a gap on the validation data that is none on the training data."""
    model, _ = lab.healthy()
    raw = [(16 * x, y) for x, y in lab.digits.validation]
    report = lab.diagnose(model, validation_data=raw)
    assert report.evidence.gap.on_validation_only
    assert "Check how they are prepared" in " ".join(str(report).split())
    assert report.exit_status() == 1
    assert not lab.diagnose(model).evidence.gap.on_validation_only


@pytest.mark.parametrize("share", [0.9, 0.1])
def test_a_gap_without_a_layer_that_stands_out(lab: Any, share: float) -> None:
    """Evidence of a gap that new statistics close though every layer is under the threshold: the lag is named."""
    evidence = lab.diagnose(lab.healthy()[0]).evidence
    before, after = Score(metric=0.90), Score(metric=0.96)
    evidence = replace(
        evidence,
        gap=replace(evidence.gap, size=0.06),
        trials=(Trial("recalibrate", tuple(layer.name for layer in evidence.layers), before, after, share),),
    )
    found, _ = run(evidence)
    if share == 0.1:
        assert found == []
    else:
        assert [(each.code, each.certainty) for each in found] == [("SN104", "likely")]
        assert len(found[0].layers) == 3
