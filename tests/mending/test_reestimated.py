"""A checkpoint with its statistics re-estimated on the data of a subject, in the checkpoint's own format."""

from __future__ import annotations

import copy
import hashlib
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch
from torch import nn

from steadynorm import NoNormalizationLayersError, Subject, UnusableInputError, recalibrate, repair_checkpoint
from steadynorm.repair import repair

torch.manual_seed(0)
DATA = [(2.0 * torch.randn(16, 3, 8, 8) + 1.0, torch.zeros(16, dtype=torch.int64)) for _ in range(24)]


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(),
        nn.Conv2d(6, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(64, 2),
    )  # fmt: skip


def subject(model: nn.Module | None = None, **more: Any) -> Subject:
    return Subject(model or network(), DATA, loss=nn.CrossEntropyLoss(), **more)


@pytest.fixture
def trained() -> dict[str, torch.Tensor]:
    """Weights of another model than the subject's, with statistics at their initial values."""
    torch.manual_seed(7)
    return network().state_dict()


def expected(state: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """The statistics that recalibrate gives to a model with these weights."""
    model = network()
    model.load_state_dict(state)
    recalibrate(model, DATA, progress=False)
    return {name: each.numpy() for name, each in model.state_dict().items() if "running" in name}


def test_same_statistics_as_recalibrate_gives(trained: dict[str, torch.Tensor], tmp_path: Path) -> None:
    torch.save(trained, tmp_path / "old.pt")
    original = (tmp_path / "old.pt").read_bytes()
    given = subject()
    before = copy.deepcopy(given.model.state_dict())

    mended = repair_checkpoint(tmp_path / "old.pt", given, tmp_path / "new.pt", progress=False)

    state = torch.load(tmp_path / "new.pt", weights_only=True)
    for name, values in expected(trained).items():
        np.testing.assert_array_equal(state[name].numpy(), values, err_msg=name)
    for name, tensor in trained.items():
        if "running" not in name:
            assert torch.equal(state[name], tensor), name
    assert all(torch.equal(tensor, before[name]) for name, tensor in given.model.state_dict().items())
    assert (tmp_path / "old.pt").read_bytes() == original
    assert [layer.layer for layer in mended.layers] == ["1", "4"]
    assert mended.measured is not None
    assert mended.measured.before.loss != mended.measured.after.loss
    text = str(mended)
    assert f"wrote {tmp_path / 'new.pt'}" in text
    assert "loss in inference" in text
    assert "new statistics for 2 layers" in text


@pytest.mark.parametrize("prefix", ["module.", "model.", "model.module.", "_orig_mod."])
def test_prefixes_and_wrappers_do_not_matter(prefix: str, trained: dict[str, torch.Tensor], tmp_path: Path) -> None:
    wrapped = {prefix + name: tensor for name, tensor in trained.items()}
    extra = {"metrics.total": torch.zeros(3)} if prefix == "model." else {}
    torch.save({"state_dict": {**wrapped, **extra}, "epoch": 3}, tmp_path / "old.ckpt")
    model: nn.Module = nn.DataParallel(network()) if prefix == "module." else network()

    repair_checkpoint(tmp_path / "old.ckpt", subject(model), tmp_path / "new.ckpt", progress=False)

    state = torch.load(tmp_path / "new.ckpt", weights_only=True)["state_dict"]
    for name, values in expected(trained).items():
        np.testing.assert_array_equal(state[prefix + name].numpy(), values, err_msg=name)


def test_the_averaged_copy_is_left_alone(trained: dict[str, torch.Tensor], tmp_path: Path) -> None:
    averaged = {f"ema_model.{name}": tensor.clone() for name, tensor in trained.items()}
    torch.save({"model": trained, "ema": averaged}, tmp_path / "old.pt")

    repair_checkpoint(tmp_path / "old.pt", subject(), tmp_path / "new.pt", progress=False)

    loaded = torch.load(tmp_path / "new.pt", weights_only=True)
    np.testing.assert_array_equal(loaded["model"]["1.running_var"].numpy(), expected(trained)["1.running_var"])
    assert all(torch.equal(tensor, averaged[name]) for name, tensor in loaded["ema"].items())


def test_checkpoint_without_counts(trained: dict[str, torch.Tensor], tmp_path: Path) -> None:
    old = {name: tensor for name, tensor in trained.items() if "num_batches" not in name}
    safetensors.torch.save_file(old, tmp_path / "old.safetensors")
    repair_checkpoint(tmp_path / "old.safetensors", subject(), tmp_path / "new.safetensors", progress=False)
    loaded = safetensors.numpy.load_file(tmp_path / "new.safetensors")
    np.testing.assert_array_equal(loaded["4.running_mean"], expected(trained)["4.running_mean"])


def test_half_precision_is_said(trained: dict[str, torch.Tensor], tmp_path: Path) -> None:
    half = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in trained.items()}
    torch.save(half, tmp_path / "old.pt")

    mended = repair_checkpoint(tmp_path / "old.pt", subject(), tmp_path / "new.pt", progress=False)

    assert {layer.dtype for layer in mended.layers} == {"float16"}
    assert "in float16, which rounds" in str(mended)
    assert torch.load(tmp_path / "new.pt", weights_only=True)["1.running_mean"].dtype == torch.float16


def test_dry_run_writes_nothing(trained: dict[str, torch.Tensor], tmp_path: Path) -> None:
    torch.save(trained, tmp_path / "old.pt")
    mended = repair_checkpoint(tmp_path / "old.pt", subject(), tmp_path / "new.pt", dry_run=True, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["old.pt"]
    np.testing.assert_array_equal(mended.layers[0].mean, expected(trained)["1.running_mean"])
    assert mended.layers[0].mean_shift is not None


def without(state: dict[str, torch.Tensor], *names: str) -> dict[str, torch.Tensor]:
    return {name: tensor for name, tensor in state.items() if name not in names}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: without(state, "6.bias"), r"it lacks 6\.bias$"),
        (lambda state: {**without(state, "6.bias"), "7.bias": state["6.bias"]}, r"lacks 6\.bias; it holds 7\.bias"),
        (lambda state: {**state, "head.weight": torch.zeros(2)}, r"it also holds head\.weight; expected the same"),
        (lambda state: {**state, "6.weight": torch.zeros(2, 3)}, r"6\.weight has the shape \[2, 3\] and 6\.weight"),
        (lambda state: {"other.weight": torch.zeros(3), "other.running_mean": torch.zeros(3),
                        "other.running_var": torch.zeros(3)}, "lacks .* and 10 others; it holds other"),
    ],
)  # fmt: skip
def test_another_models_checkpoint_is_refused(
    change: Any, said: str, trained: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    torch.save(change(trained), tmp_path / "old.pt")
    with pytest.raises(UnusableInputError, match=said):
        repair_checkpoint(tmp_path / "old.pt", subject(), tmp_path / "new.pt", progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["old.pt"]


def test_two_models_in_one_file(trained: dict[str, torch.Tensor], tmp_path: Path) -> None:
    torch.save({"generator": trained, "critic": trained}, tmp_path / "old.pt")
    with pytest.raises(UnusableInputError, match=r"model 2 times: with 'critic\.' and 'generator\.'"):
        repair_checkpoint(tmp_path / "old.pt", subject(), tmp_path / "new.pt", progress=False)


def test_model_that_cannot_run_leaves_everything(trained: dict[str, torch.Tensor], tmp_path: Path) -> None:
    torch.save(trained, tmp_path / "old.pt")
    digest = hashlib.sha256((tmp_path / "old.pt").read_bytes()).hexdigest()
    broken = Subject(network(), [(torch.zeros(4, 5, 8, 8), torch.zeros(4, dtype=torch.int64))])
    with pytest.raises(UnusableInputError):
        repair_checkpoint(tmp_path / "old.pt", broken, tmp_path / "new.pt", progress=False)
    assert hashlib.sha256((tmp_path / "old.pt").read_bytes()).hexdigest() == digest
    assert [path.name for path in tmp_path.iterdir()] == ["old.pt"]


def test_model_without_layers(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))
    torch.save(model.state_dict(), tmp_path / "old.pt")
    with pytest.raises(NoNormalizationLayersError):
        repair_checkpoint(tmp_path / "old.pt", subject(model), tmp_path / "new.pt", progress=False)


def test_options_default_to_the_same_for_a_model_and_its_checkpoint() -> None:
    functions = (recalibrate, repair, repair_checkpoint)
    model, live, file = ({n: p.default for n, p in signature(each).parameters.items()} for each in functions)
    shared = ("passes", "tolerance", "max_batches", "include_frozen", "device", "progress")

    assert {name: model[name] for name in shared} == {name: live[name] for name in shared}
    assert {name: live[name] for name in (*shared, "batches")} == {name: file[name] for name in (*shared, "batches")}
