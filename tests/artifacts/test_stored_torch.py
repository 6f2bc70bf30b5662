"""Checks on PyTorch checkpoints: real trainings gone wrong, each beside its healthy twin."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from steadynorm.artifacts.evidence import evidence_of
from steadynorm.artifacts.formats import read
from steadynorm.checks.registry import run
from steadynorm.finding import Certainty, Finding, Severity

torch = pytest.importorskip("torch")
nn = torch.nn

STEPS = 120


class Net(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 8))
        self.bn = nn.BatchNorm1d(8)
        self.head = nn.Linear(8, 2)

    def forward(self, x: Any) -> Any:
        return self.head(torch.relu(self.bn(self.body(x))))


def batch(number: int, shift: float = 0.0) -> tuple[Any, Any]:
    random = torch.Generator().manual_seed(number)
    x = 3 * torch.randn(64, 6, generator=random) + 2 + shift
    return x, (x[:, 0] > 2 + shift).long()


def train(
    model: Any,
    steps: int = STEPS,
    *,
    optimizer: Any = None,
    shift: float = 0.0,
    prepare: Callable[[Any], object] = lambda model: model.train(),
    each: Callable[[Any, int], object] = lambda model, step: None,
) -> Any:
    """Trains; `prepare` sets the modes."""
    optimizer = optimizer or torch.optim.Adam([each for each in model.parameters() if each.requires_grad], 1e-2)
    prepare(model)
    for step in range(steps):
        each(model, step)
        x, y = batch(step, shift)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    return optimizer


@pytest.fixture
def fresh() -> Any:
    torch.manual_seed(0)
    return Net()


@pytest.fixture
def trained(fresh: Any) -> Any:
    train(fresh)
    return fresh


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., list[Finding]]:
    """Saves a checkpoint (and one before it, and other ranks), and checks the files."""

    def saved(value: Any, name: str) -> Any:
        torch.save(value, tmp_path / f"{name}.pt")
        return read(tmp_path / f"{name}.pt")

    def check(now: Any, before: Any = None, ranks: tuple[Any, ...] = ()) -> list[Finding]:
        evidence = evidence_of(
            saved(now, "now"),
            before=None if before is None else saved(before, "before"),
            ranks={f"rank{number}": saved(other, f"rank{number}") for number, other in enumerate(ranks, 1)},
        )
        return run(evidence)[0]

    return check


def codes(findings: list[Finding], least: Severity = Severity.WARNING) -> list[str]:
    return [each.code for each in findings if each.severity.rank >= least.rank]


def state(model: Any) -> dict[str, Any]:
    """A copy that later training does not change."""
    return copy.deepcopy(model.state_dict())


def only(findings: list[Finding], code: str) -> Finding:
    assert codes(findings) == [code], findings
    return next(each for each in findings if each.code == code)


# Healthy files.


def test_trained(trained: Any, files: Any) -> None:
    assert files(state(trained)) == []


def test_trained_with_its_optimizer(fresh: Any, files: Any) -> None:
    optimizer = train(fresh)
    assert files({"model": state(fresh), "optimizer": optimizer.state_dict(), "epoch": 3}) == []


def test_untrained(fresh: Any, files: Any) -> None:
    assert files(state(fresh)) == []


def test_untrained_with_random_scales(fresh: Any, files: Any) -> None:
    nn.init.normal_(fresh.bn.weight, 1.0, 0.02)  # as GANs begin
    nn.init.zeros_(fresh.body[1].weight)  # as residual branches begin
    assert codes(files(state(fresh))) == []


def test_pruned_channels_are_worth_knowing_only(trained: Any, files: Any) -> None:
    with torch.no_grad():
        trained.bn.weight[:3] = 0
    assert codes(files(state(trained))) == []


def test_training_that_goes_on(trained: Any, files: Any) -> None:
    before = state(trained)
    train(trained)
    assert files(state(trained), before) == []


def test_statistics_that_were_estimated_anew(trained: Any, files: Any) -> None:
    before = state(trained)
    with torch.no_grad():
        for number in range(9):
            trained(batch(number)[0])
    assert files(state(trained), before) == []


def test_frozen_backbone(trained: Any, files: Any) -> None:
    before = state(trained)
    for parameter in trained.body.parameters():
        parameter.requires_grad = False

    def prepare(model: Any) -> None:
        model.train()
        model.body.eval()

    train(trained, shift=2.0, prepare=prepare)
    assert files(state(trained), before) == []


def test_only_the_head_is_new(trained: Any, files: Any) -> None:
    before = state(trained)
    nn.init.normal_(trained.head.weight)
    assert files(state(trained), before) == []


def test_another_training_of_the_same_network(fresh: Any, files: Any) -> None:
    other = Net()
    train(fresh)
    train(other, shift=1.0)
    assert files(state(fresh), state(other)) == []


def test_pretrained_without_counts_and_frozen_on_purpose(trained: Any, files: Any) -> None:
    for layer in (trained.bn, trained.body[1]):
        layer.num_batches_tracked.zero_()
    optimizer = train(trained, prepare=lambda model: model.eval())
    assert codes(files({"model": state(trained), "optimizer": optimizer.state_dict()})) == []


def test_gradient_accumulation_is_worth_knowing_only(fresh: Any, files: Any) -> None:
    optimizer = train(fresh, each=lambda model, step: model(batch(step + 999)[0]))
    findings = files({"model": state(fresh), "optimizer": optimizer.state_dict()})
    assert codes(findings) == []
    assert codes(findings, Severity.INFO) == ["SN105"]


# Broken files.


def test_updates_that_keep_all_of_the_old_value(fresh: Any, files: Any) -> None:
    for layer in (fresh.bn, fresh.body[1]):
        layer.momentum = 0.0
    train(fresh)
    found = only(files(state(fresh)), "SN103")
    assert found.layers == ("body.1", "bn")
    assert found.certainty is Certainty.PROVEN


def test_one_layer_that_was_reset(trained: Any, files: Any) -> None:
    trained.bn.reset_running_stats()
    assert only(files(state(trained)), "SN103").layers == ("bn",)


def test_file_of_parameters_only(trained: Any, files: Any) -> None:
    found = files({name: each for name, each in state(trained).items() if "running" not in name})
    # num_batches_tracked is a buffer that only layers with statistics have.
    assert only(found, "SN301").layers == ("body.1", "bn")
    assert only(found, "SN301").certainty is Certainty.PROVEN

    parameters = {name: each.detach() for name, each in trained.named_parameters()}
    found = files(parameters)
    # Without it what is only numbered in a Sequential may be any layer, and a name is no proof.
    assert [(each.code, each.severity, each.layers) for each in found] == [("SN301", Severity.INFO, ("bn",))]
    # The earlier checkpoint, of the same weights, has the statistics.
    found = files(parameters, state(trained))
    assert only(found, "SN301").certainty is Certainty.PROVEN


def test_other_normalizations_under_the_same_name(fresh: Any, files: Any) -> None:
    fresh.bn = nn.GroupNorm(2, 8)
    fresh.body[1] = nn.Identity()
    assert files(state(fresh)) == []
    saved = {name: each.clone() for name, each in fresh.state_dict().items()}  # without the notes of PyTorch
    assert codes(files(saved)) == []
    assert codes(files({"state_dict": {f"model.{name}": each for name, each in saved.items()}})) == []


def test_layers_that_keep_no_statistics(fresh: Any, files: Any) -> None:
    fresh.bn = nn.BatchNorm1d(8, track_running_stats=False)
    train(fresh)
    found = only(files(fresh), "SN106")
    assert (found.layers, found.certainty) == (("bn",), Certainty.PROVEN)
    # The state dict has no more than the parameters, and the version of their module.
    found = only(files(state(fresh)), "SN301")
    assert found.certainty is Certainty.LIKELY
    assert "track_running_stats=False" in found.remedy
    fresh.body[1] = nn.Identity()
    assert only(files(fresh), "SN106").layers == ("bn",)
    fresh.bn = nn.InstanceNorm1d(8, affine=True)
    assert files(fresh) == []


def test_adapter_beside_layers_with_statistics(trained: Any, files: Any) -> None:
    content = {name: each for name, each in state(trained).items() if not name.startswith("bn.running")}
    assert only(files(content), "SN301").layers == ("bn",)


def test_restore_that_misses_the_buffers(trained: Any, files: Any) -> None:
    before = state(trained)
    other = Net()
    for mine, theirs in zip(other.parameters(), trained.parameters(), strict=True):
        mine.data.copy_(theirs)
    found = only(files(state(other), before), "SN302")
    assert found.layers == ("body.1", "bn")
    assert found.certainty is Certainty.PROVEN
    assert only(files(state(other)), "SN103").layers == ("body.1", "bn")


@pytest.mark.parametrize("wrapped", [False, True])
def test_average_of_the_parameters_only(fresh: Any, files: Any, wrapped: bool) -> None:
    averaged = Net()
    average = [each.detach().clone() for each in averaged.parameters()]

    def collect(model: Any, step: int) -> None:
        for mine, theirs in zip(average, model.parameters(), strict=True):
            mine.lerp_(theirs.detach(), 0.05)

    train(fresh, each=collect)
    for mine, theirs in zip(averaged.parameters(), average, strict=True):
        mine.data.copy_(theirs)
    prefix = "module." if wrapped else ""
    content = {"model": state(fresh), "ema": {prefix + name: each for name, each in state(averaged).items()}}
    found = only(files(content), "SN305")
    assert len(found.layers) == 2
    assert found.certainty is Certainty.PROVEN

    for mine, theirs in zip(averaged.buffers(), fresh.buffers(), strict=True):
        mine.copy_(theirs)
    content["ema"] = state(averaged)
    assert only(files(content), "SN305").certainty is Certainty.LIKELY

    with torch.no_grad():
        averaged.train()
        for number in range(50):
            averaged(batch(number)[0])
    content["ema"] = state(averaged)
    assert files(content) == []


def test_average_that_stands_alone(fresh: Any, files: Any) -> None:
    averaged = torch.optim.swa_utils.AveragedModel(fresh)
    train(fresh, each=lambda model, step: averaged.update_parameters(model))
    assert files(state(averaged)) == []
    for layer in (averaged.module.bn, averaged.module.body[1]):
        layer.reset_running_stats()
    assert only(files(state(averaged)), "SN305").certainty is Certainty.PROVEN


@pytest.mark.parametrize(
    ("model", "copy_of_it"),
    [
        ("student", "teacher"),
        ("encoder_q", "encoder_k"),
        ("backbone", "backbone_momentum"),
        ("net.online", "net.target"),
    ],
)
def test_copies_in_one_flat_dict(fresh: Any, files: Any, model: str, copy_of_it: str) -> None:
    copied, whole = Net(), copy.deepcopy(fresh)
    copied.load_state_dict(state(fresh))

    def follow(trained: Any, step: int) -> None:
        with torch.no_grad():
            for mine, theirs in zip(copied.parameters(), trained.parameters(), strict=True):
                mine.lerp_(theirs, 0.05)
            for mine, theirs in zip(whole.state_dict().values(), trained.state_dict().values(), strict=True):
                mine.lerp_(theirs, 0.05) if mine.is_floating_point() else mine.copy_(theirs)

    train(fresh, each=follow)

    def flat(second: Any) -> dict[str, Any]:
        both = ((model, fresh), (copy_of_it, second))
        return {f"{front}.{name}": each for front, part in both for name, each in state(part).items()}

    found = only(files(flat(copied)), "SN305")
    assert set(found.layers) == {f"{copy_of_it}.body.1", f"{copy_of_it}.bn"}
    assert files(flat(whole)) == []
    # Another network of the same build is no copy: what is wrong with it is its own.
    other = Net()
    train(other, prepare=lambda each: each.eval())
    if copy_of_it in ("encoder_k", "backbone_momentum"):
        assert codes(files(flat(other))) == ["SN103"]


@pytest.mark.parametrize("as_list", [False, True])
def test_averages_that_are_no_state_dict(fresh: Any, files: Any, as_list: bool) -> None:
    average = [each.detach().clone() for each in fresh.parameters()]

    def collect(model: Any, step: int) -> None:
        for mine, theirs in zip(average, model.parameters(), strict=True):
            mine.lerp_(theirs.detach(), 0.05)

    train(fresh, each=collect)

    def content(parameters: list[Any]) -> dict[str, Any]:
        names = [name for name, _ in fresh.named_parameters()]
        inside: Any = (
            {"decay": 0.95, "shadow_params": parameters} if as_list else dict(zip(names, parameters, strict=True))
        )
        return {"net": state(fresh), "ema": inside}

    found = only(files(content(average)), "SN305")
    assert set(found.layers) in ({"bn", "body.1"}, {"net.bn", "net.body.1"})
    assert files(content([each.detach() for each in fresh.parameters()])) == []


def test_target_network_that_was_synchronized(trained: Any, files: Any) -> None:
    assert files({"model": state(trained), "target": state(trained)}) == []


def test_evaluation_that_is_not_undone(fresh: Any, files: Any) -> None:
    optimizer = train(fresh, each=lambda model, step: model.eval() if step == 40 else None)
    found = only(files({"model": state(fresh), "optimizer": optimizer.state_dict()}), "SN202")
    assert "40 updates" in found.message
    assert f"{STEPS} optimizer steps" in found.message
    assert found.certainty is Certainty.LIKELY


def test_ranks(trained: Any, files: Any) -> None:
    other, far = copy.deepcopy(trained), copy.deepcopy(trained)
    with torch.no_grad():
        for number in range(40):
            trained(batch(number)[0])
            other(batch(number + 500)[0])
            far(batch(number, shift=5.0)[0])
    assert files(state(trained), ranks=(state(trained),)) == []
    assert files(state(trained), ranks=(state(other),)) == []
    found = only(files(state(trained), ranks=(state(other), state(far))), "SN402")
    assert "body.1" in found.layers


def test_ranks_that_are_different_models(trained: Any, files: Any) -> None:
    other = copy.deepcopy(trained)
    train(other, shift=5.0)
    assert files(state(trained), ranks=(state(other),)) == []


def test_fine_tuned_in_inference_mode(trained: Any, files: Any) -> None:
    before = state(trained)
    train(trained, shift=3.0, prepare=lambda model: model.eval())
    found = only(files(state(trained), before), "SN602")
    assert set(found.layers) == {"body.1", "bn"}
    assert found.certainty is Certainty.LIKELY


def test_frozen_layers_that_move(trained: Any, files: Any) -> None:
    before = state(trained)
    for parameter in trained.body.parameters():
        parameter.requires_grad = False
    train(trained, shift=3.0)
    found = only(files(state(trained), before), "SN601")
    assert found.layers == ("body.1",)
    assert found.certainty is Certainty.PROVEN


def test_slow_average_over_a_short_run(fresh: Any, files: Any) -> None:
    for layer in (fresh.bn, fresh.body[1]):
        layer.momentum = 0.003
    train(fresh)
    found = only(files(fresh), "SN104")
    assert found.evidence["residual"] == pytest.approx(0.997**STEPS)
    # What decay would leave one per cent after as many updates.
    assert found.evidence["decay_that_would_do"] == pytest.approx(0.01 ** (1 / STEPS))
    assert codes(files(state(fresh))) == []  # a state dict does not tell the momentum


def test_slow_average_that_began_with_a_pre_training(trained: Any, files: Any) -> None:
    for layer in (trained.bn, trained.body[1]):
        layer.momentum = 0.003
        layer.running_var.mul_(0.01)
        layer.num_batches_tracked.zero_()
    train(trained, 20)
    assert files(trained) == []


def test_momentum_of_the_other_framework(fresh: Any, files: Any) -> None:
    fresh.bn.momentum = 0.99
    train(fresh)
    assert only(files(fresh), "SN510").layers == ("bn",)
    assert files(state(fresh)) == []


def test_epsilon_above_the_variance(fresh: Any, files: Any) -> None:
    fresh.bn.eps = 1e4
    train(fresh)
    assert only(files(fresh), "SN509").layers == ("bn",)
    assert files(state(fresh)) == []


def test_numbers(trained: Any, files: Any) -> None:
    content = state(trained)
    content["bn.running_var"][2] = -0.1
    assert only(files(content), "SN702").layers == ("bn",)
    content = state(trained)
    content["bn.running_mean"][2] = float("nan")
    assert only(files(content), "SN701").layers == ("bn",)


def test_half_precision_matters_where_training_goes_on(trained: Any, files: Any) -> None:
    optimizer = train(trained, 1).state_dict()
    cast = state(trained.bfloat16())
    found = only(files({"model": cast, "optimizer": optimizer}), "SN704")
    assert found.layers == ("body.1", "bn")
    assert "update" in found.message
    (found,) = files(cast)
    assert (found.code, found.severity) == ("SN704", Severity.INFO)
    assert "update" not in found.message


def test_statistics_that_were_folded(trained: Any, files: Any) -> None:
    """FrozenBatchNorm keeps scale, offset and both statistics as buffers, and no count."""
    folded = {name: each for name, each in state(trained).items() if "tracked" not in name}
    for name, values in folded.items():
        if "running" in name:
            values.fill_(float("var" in name))
    found = only(files(folded), "SN103")
    assert (found.severity, found.certainty) == (Severity.WARNING, Certainty.LIKELY)
    assert "FrozenBatchNorm" in (found.settle or "")
    counted = {**folded, "bn.num_batches_tracked": torch.tensor(0), "body.1.num_batches_tracked": torch.tensor(0)}
    found = only(files(counted), "SN103")
    assert (found.severity, found.certainty) == (Severity.ERROR, Certainty.PROVEN)
    assert "model.train()" in found.remedy
    assert "UPDATE_OPS" not in found.remedy


@pytest.mark.parametrize("front", ["module.", "_orig_mod.", "module._orig_mod.", "model.backbone.", "a.b."])
def test_weights_are_found_in_any_wrapping(trained: Any, files: Any, front: str) -> None:
    before = state(trained)
    for parameter in trained.body.parameters():
        parameter.requires_grad = False
    for parameter in trained.bn.parameters():
        parameter.requires_grad = False  # the head alone is trained
    train(trained, shift=3.0)
    now = {f"{front}{name}": each for name, each in state(trained).items()}
    assert set(only(files(now, before), "SN601").layers) == {f"{front}body.1", f"{front}bn"}
    with torch.no_grad():
        trained.head.load_state_dict({name[5:]: each for name, each in before.items() if name.startswith("head.")})
    assert files({f"{front}{name}": each for name, each in state(trained).items()}, before) == []


def moved_variance(content: dict[str, Any], by: float) -> dict[str, Any]:
    return {name: each + by if "running_var" in name else each for name, each in content.items()}


def test_conversion_between_two_epsilons(trained: Any, files: Any) -> None:
    for layer in (trained.bn, trained.body[1]):
        layer.running_var.mul_(1e-3)
    before = state(trained)
    (found,) = files(moved_variance(before, 1e-3 - 1e-5), before)
    assert (found.code, found.severity, found.certainty) == ("SN304", Severity.INFO, Certainty.LIKELY)
    assert "0.00099 larger" in found.message
    assert "0.001 − 1e-05" in found.message
    assert "add 0" not in found.remedy
    assert files(moved_variance(before, 0.0), before) == []


def test_an_offset_of_the_variance_where_both_epsilons_are_known(trained: Any, files: Any) -> None:
    for layer in (trained.bn, trained.body[1]):
        layer.running_var.mul_(1e-3)
    before = copy.deepcopy(trained)
    for layer in (trained.bn, trained.body[1]):
        layer.running_var.add_(1e-3 - 1e-5)
        layer.eps = 1e-5
    for layer in (before.bn, before.body[1]):
        layer.eps = 1e-3
    assert files(trained, before) == []
    for layer in (before.bn, before.body[1]):
        layer.eps = 1e-5
    found = only(files(trained, before), "SN304")
    assert found.certainty is Certainty.PROVEN
    assert "Add -0.00099 to the variances" in found.remedy


def test_variances_far_below_the_default_epsilon(trained: Any, files: Any) -> None:
    with torch.no_grad():
        trained.bn.running_var[:4] = 5e-7
    found = only(files(state(trained)), "SN509")
    assert (found.layers, found.certainty) == (("bn",), Certainty.LIKELY)
    with torch.no_grad():
        trained.bn.running_var[:4] = 0.9**trained.bn.num_batches_tracked  # the input is constant
    assert codes(files(state(trained))) == []
    with torch.no_grad():
        trained.bn.running_var[:4] = 5e-6  # below epsilon, but not by far
    assert files(state(trained)) == []
    with torch.no_grad():
        trained.bn.running_var[:4] = 5e-7
        trained.bn.weight[:4] = 1e-4  # channels that are switched off
    assert codes(files(state(trained))) == []


def test_runs_that_are_too_short_for_any_decay(fresh: Any, files: Any) -> None:
    longer = copy.deepcopy(fresh)
    train(fresh, 2)
    (found,) = [each for each in files(fresh) if each.code == "SN104"]
    assert "decay of at most" not in found.remedy
    assert "debiased" in found.remedy
    train(longer, 12)
    (found,) = [each for each in files(longer) if each.code == "SN104"]
    assert "decay of at most 0.681" in found.remedy  # 0.01 ** (1 / 12)
