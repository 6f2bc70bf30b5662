"""What PyTorch's files prove: each broken file beside its healthy twin."""

from __future__ import annotations

import copy
import warnings
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from steadynorm.artifacts.evidence import evidence_of
from steadynorm.artifacts.formats import read
from steadynorm.checks.registry import run
from steadynorm.finding import Severity

torch = pytest.importorskip("torch")
nn = torch.nn

STEPS = 80
"""With a decay of 0.9, 0.02 % of the initial statistics are left after as many."""


GONE = ("blocks.1.bn2.running", "blocks.1.bn2.num")


def network() -> Any:
    torch.manual_seed(0)
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(3, 8, 3, padding=1, bias=False), bn1=nn.BatchNorm2d(8), relu1=nn.ReLU(),
            conv2=nn.Conv2d(8, 8, 3, padding=1, bias=False), bn2=nn.BatchNorm2d(8), relu2=nn.ReLU(),
            pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(), fc=nn.Linear(8, 2),
        )
    )  # fmt: skip


def trained(change: Callable[[Any], None] = lambda model: None) -> tuple[Any, Any]:
    """A network after some steps, and its optimizer; `change` comes before them."""
    model = network()
    change(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(STEPS):
        x = torch.randn(16, 3, 6, 6) * 2 + 1
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), (x.mean((1, 2, 3)) > 1).long()).backward()
        optimizer.step()
    return model, optimizer


@pytest.fixture(scope="module")
def healthy() -> tuple[Any, Any]:
    return trained()


def checkpoint(model: Any, optimizer: Any) -> dict[str, Any]:
    return {"model": copy.deepcopy(model.state_dict()), "optimizer": optimizer.state_dict()}


def codes(path: Path, saved: Any = None) -> set[str]:
    """The codes of what is found in a file, those worth knowing left out."""
    if saved is not None:
        with warnings.catch_warnings(action="ignore"):
            torch.save(saved, path)
    findings, _ = run(evidence_of(read(path)))
    return {each.code for each in findings if each.severity is not Severity.INFO}


@pytest.mark.parametrize("legacy", [False, True])
def test_a_healthy_checkpoint(tmp_path: Path, healthy: Any, legacy: bool) -> None:
    path = tmp_path / "model.pt"
    torch.save(checkpoint(*healthy), path, _use_new_zipfile_serialization=not legacy)

    assert codes(path) == set()


def test_a_healthy_module(tmp_path: Path, healthy: Any) -> None:
    assert codes(tmp_path / "model.pt", healthy[0]) == set()


def test_statistics_at_initialization(tmp_path: Path) -> None:
    """Trained in inference mode: gamma and beta moved, the statistics did not."""
    assert "SN103" in codes(tmp_path / "model.pt", checkpoint(*trained(lambda model: model.eval())))


def test_statistics_left_out(tmp_path: Path, healthy: Any) -> None:
    saved = checkpoint(*healthy)
    names = {name for name, _ in healthy[0].named_parameters()}
    whole = saved["model"]
    kept = [name for name in whole if name in names or name.startswith("bn1.")]
    saved["model"] = {name: whole[name] for name in (*kept, "bn2.num_batches_tracked")}
    assert codes(tmp_path / "model.pt", saved) == {"SN301"}

    # Group normalization may stand at bn2 instead.
    saved["model"] = {name: whole[name] for name in kept}
    assert codes(tmp_path / "perhaps.pt", saved) == set()
    # What stands at the same place of another block has statistics.
    saved["model"] = {f"blocks.{block}.{name}": each for block in "01" for name, each in whole.items()}
    assert codes(tmp_path / "blocks.pt", saved) == set()
    saved["model"] = {name: each for name, each in saved["model"].items() if not name.startswith(GONE)}
    assert codes(tmp_path / "block.pt", saved) == {"SN301"}


def test_an_average_of_the_parameters_alone(tmp_path: Path, healthy: Any) -> None:
    """An average over `parameters()` never sees the statistics: they stay those of a new network."""
    model, optimizer = healthy
    alone, whole = network(), network()
    for target, source in zip(alone.parameters(), model.parameters(), strict=True):
        target.data.lerp_(source.data, 0.9)
    for target, source in zip(whole.state_dict().values(), model.state_dict().values(), strict=True):
        target.lerp_(source, 0.9) if target.is_floating_point() else target.copy_(source)
    base = checkpoint(model, optimizer)

    assert codes(tmp_path / "alone.pt", {**base, "ema": alone.state_dict()}) == {"SN305"}
    assert codes(tmp_path / "whole.pt", {**base, "ema": whole.state_dict()}) == set()


@pytest.mark.parametrize(
    ("value", "code"), [(float("nan"), "SN701"), (float("inf"), "SN701"), (-0.5, "SN702")], ids=str
)
def test_impossible_numbers(tmp_path: Path, healthy: Any, value: float, code: str) -> None:
    saved = checkpoint(*healthy)
    saved["model"]["bn2.running_var"][3] = value

    assert codes(tmp_path / "model.pt", saved) == {code}


def test_momentum_of_the_other_framework(tmp_path: Path) -> None:
    """A whole module tells its momentum; a state dict does not."""

    def swapped(model: Any) -> None:
        model.bn1.momentum = model.bn2.momentum = 0.99

    model, optimizer = trained(swapped)

    assert codes(tmp_path / "model.pt", model) == {"SN510"}
    assert codes(tmp_path / "state.pt", checkpoint(model, optimizer)) == set()


# Exports


def exported(model: Any, path: Path, how: str) -> Path:
    x = torch.randn(2, 3, 6, 6)
    with warnings.catch_warnings(action="ignore"):
        if how == "exported":
            torch.export.save(torch.export.export(model, (x,)), path)
        else:
            made = torch.jit.script(model) if how == "scripted" else torch.jit.trace(model, x, check_trace=False)
            torch.jit.save(made, path)
    return path


@pytest.mark.parametrize("how", ["traced", "scripted", "exported"])
def test_exports(tmp_path: Path, healthy: Any, how: str) -> None:
    model = copy.deepcopy(healthy[0])

    assert codes(exported(model.train(), tmp_path / "train.pt", how)) == {"SN209"}
    assert codes(exported(model.eval(), tmp_path / "eval.pt", how)) == set()


@pytest.mark.parametrize("how", ["traced", "exported"])
def test_one_layer_left_in_training_mode(tmp_path: Path, healthy: Any, how: str) -> None:
    model = copy.deepcopy(healthy[0]).eval()
    model.bn2.train()
    findings, _ = run(evidence_of(read(exported(model, tmp_path / "model.pt", how))))

    assert [(each.code, each.layers) for each in findings] == [("SN209", ("bn2",))]


@pytest.mark.parametrize("how", ["traced", "scripted", "exported"])
def test_layers_without_statistics_are_exported_as_they_are(tmp_path: Path, healthy: Any, how: str) -> None:
    model = copy.deepcopy(healthy[0])
    for name in ("bn1", "bn2"):
        setattr(model, name, nn.BatchNorm2d(getattr(model, name).num_features, track_running_stats=False))

    assert codes(exported(model.eval(), tmp_path / "model.pt", how)) == {"SN106"}


def test_a_script_can_still_be_switched_after_loading(tmp_path: Path, healthy: Any) -> None:
    saved = {how: exported(healthy[0].train(), tmp_path / f"{how}.pt", how) for how in ("scripted", "traced")}
    found = {how: run(evidence_of(read(path)))[0][0] for how, path in saved.items()}

    assert found["scripted"].certainty == "likely"
    assert "eval()" in (found["scripted"].settle or "")
    assert found["traced"].certainty == "proven"


@pytest.mark.parametrize("how", ["traced", "scripted", "exported"])
def test_slow_average_in_an_export(tmp_path: Path, how: str) -> None:
    """The count of the updates is a buffer, which exports have as well."""

    def slow(model: Any) -> None:
        model.bn2.momentum = 0.001

    findings, _ = run(evidence_of(read(exported(trained(slow)[0].eval(), tmp_path / "model.pt", how))))

    assert [(each.code, each.layers) for each in findings] == [("SN104", ("bn2",))]
    assert findings[0].evidence["residual"] == pytest.approx(0.999**STEPS)


def of_pair(state: dict[str, Any], before: dict[str, Any], tmp_path: Path) -> list[str]:
    for name, each in (("model.pt", state), ("before.pt", before)):
        torch.save(each, tmp_path / name)
    evidence = evidence_of(read(tmp_path / "model.pt"), before=read(tmp_path / "before.pt"))
    assert evidence.stored is not None
    assert len(evidence.stored.before or ()) == 2
    return [found.code for found in run(evidence)[0]]


@pytest.mark.parametrize("eval_mode", [False, True])
def test_a_frozen_body_under_a_new_head_of_another_size(
    healthy: tuple[Any, Any], tmp_path: Path, eval_mode: bool
) -> None:
    """Nothing but the head is trained, and no weight of it is in the earlier file: as in most transfer learning."""
    model = copy.deepcopy(healthy[0])
    before = copy.deepcopy(model.state_dict())
    model.requires_grad_(False)
    model.fc = nn.Linear(8, 5)
    model.train(not eval_mode)
    optimizer = torch.optim.SGD(model.fc.parameters(), lr=0.1)
    for _ in range(10):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(torch.randn(16, 3, 6, 6) + 2), torch.arange(16) % 5).backward()
        optimizer.step()
    codes = of_pair(model.state_dict(), before, tmp_path)
    assert codes == ([] if eval_mode else ["SN601"])


@pytest.mark.parametrize("around", ["encoder.", "model.backbone."])
@pytest.mark.parametrize("wrapped", ["now", "before"])
def test_a_model_that_became_a_part_of_another(
    healthy: tuple[Any, Any], tmp_path: Path, around: str, wrapped: str
) -> None:
    """Every name has another front, and every value has been trained on: only the names behind the front are left."""
    model, _ = healthy
    before = copy.deepcopy(model.state_dict())
    now = {name: value * 1.01 if value.is_floating_point() else value for name, value in before.items()}
    for name in now:
        if "running" in name:
            now[name] = torch.zeros_like(now[name]) + ("var" in name)
    renamed = {f"{around}{name}": value for name, value in (now if wrapped == "now" else before).items()}
    pair = (renamed, before) if wrapped == "now" else (now, renamed)
    assert of_pair(*pair, tmp_path) == ["SN302"]
