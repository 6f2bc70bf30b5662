"""Conversion between the frameworks' names and conventions; what TensorFlow and Keras load is in tests/tensorflow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch
from torch import nn

from steadynorm import NoNormalizationLayersError, UnusableInputError, convert
from steadynorm.artifacts.formats import read


def network() -> nn.Sequential:
    torch.manual_seed(0)
    block = nn.Sequential(nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6, affine=False))
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), block, nn.BatchNorm2d(6, eps=1e-3))
    for _ in range(3):
        model(2 * torch.randn(4, 3, 9, 9) + 1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d) and module.affine:
            nn.init.uniform_(module.weight, 0.5, 2)
    return model


def state() -> dict[str, torch.Tensor]:
    return {f"net.{name}": tensor for name, tensor in network().state_dict().items()}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    torch.save(state(), tmp_path / "net.pt")
    return tmp_path / "net.pt"


def equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    assert set(first) == set(second)
    for name, tensor in first.items():
        assert tensor.dtype == second[name].dtype, name
        assert tensor.shape == second[name].shape, name
        assert tensor.numpy().tobytes() == second[name].numpy().tobytes(), name


def test_to_tensorflow_and_back_is_the_same_bit_for_bit(checkpoint: Path, tmp_path: Path) -> None:
    there = convert(checkpoint, tmp_path / "model.ckpt")
    assert there.layers == {"net.1": "net/1", "net.2.1": "net/2/1", "net.3": "net/3"}
    names = set(read(tmp_path / "model.ckpt").tensors)
    assert {"net/1/gamma", "net/1/beta", "net/1/moving_mean", "net/1/moving_variance"} <= names
    assert "net/2/1/gamma" not in names

    back = convert(tmp_path / "model.ckpt", tmp_path / "back.pt")
    equal(torch.load(tmp_path / "back.pt", weights_only=True), state())
    assert back.layers == {new: old for old, new in there.layers.items()}


def test_to_safetensors_and_back(checkpoint: Path, tmp_path: Path) -> None:
    convert(checkpoint, tmp_path / "net.safetensors")
    equal(safetensors.torch.load_file(tmp_path / "net.safetensors"), state())
    with safetensors.safe_open(tmp_path / "net.safetensors", "pt") as opened:
        assert opened.metadata() == {"format": "pt"}
    convert(tmp_path / "net.safetensors", tmp_path / "back.pt")
    equal(torch.load(tmp_path / "back.pt", weights_only=True), state())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("middle", ["a.safetensors", "a.ckpt"])
def test_every_precision_survives(dtype: torch.dtype, middle: str, tmp_path: Path) -> None:
    given = {name: each.to(dtype) if each.is_floating_point() else each for name, each in state().items()}
    given["odd"] = torch.tensor([float("nan"), -0.0, float("inf")]).to(dtype)
    given["flags"], given["none"] = torch.tensor([True, False]), torch.zeros(0, 3).to(dtype)
    torch.save(given, tmp_path / "net.pt")
    convert(tmp_path / "net.pt", tmp_path / middle)
    convert(tmp_path / middle, tmp_path / "back.pt")
    found = torch.load(tmp_path / "back.pt", weights_only=True)
    assert set(found) == set(given)
    for name, tensor in given.items():
        assert tensor.dtype == found[name].dtype
        if tensor.numel():
            first, second = (each.reshape(-1).view(torch.uint8) for each in (tensor, found[name]))
            assert torch.equal(first, second), name


def test_only_the_normalization(checkpoint: Path, tmp_path: Path) -> None:
    result = convert(checkpoint, tmp_path / "net.safetensors", only_normalization=True)
    found = safetensors.torch.load_file(tmp_path / "net.safetensors")
    assert not any(name.startswith(("net.0", "net.2.0")) for name in found)
    assert set(result.left_out) == {"net.0.weight", "net.0.bias", "net.2.0.weight", "net.2.0.bias"}
    assert "left out: net.0.weight" in str(result)


def test_kernels_are_not_guessed(checkpoint: Path, tmp_path: Path) -> None:
    result = convert(checkpoint, tmp_path / "model.ckpt")
    found = read(tmp_path / "model.ckpt").tensors["net.0.weight"].load()
    np.testing.assert_array_equal(found, state()["net.0.weight"].numpy())
    assert set(result.copied) == {"net.0.weight", "net.0.bias", "net.2.0.weight", "net.2.0.bias"}
    assert any("4 tensors of other layers" in note and "laid out differently" in note for note in result.notes)


def test_a_map_names_layers_and_turns_kernels(checkpoint: Path, tmp_path: Path) -> None:
    names = {
        "net.1": "stem/bn",
        "net.0.weight": {"name": "stem/conv/kernel", "transpose": [2, 3, 1, 0]},
        "net.0.bias": "stem/conv/bias",
        "net.3.running_var": "exit/variance",
    }
    (tmp_path / "map.json").write_text(json.dumps(names))
    convert(checkpoint, tmp_path / "model.ckpt", names=tmp_path / "map.json")

    tensors, given = read(tmp_path / "model.ckpt").tensors, state()
    kernel = given["net.0.weight"].permute(2, 3, 1, 0)
    np.testing.assert_array_equal(tensors["stem/conv/kernel"].load(), kernel.numpy())
    np.testing.assert_array_equal(tensors["stem/bn/moving_mean"].load(), given["net.1.running_mean"].numpy())
    assert {"stem/conv/bias", "exit/variance", "net/3/moving_mean"} <= set(tensors)
    assert not any(name.startswith("net/1/") for name in tensors)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({"nothing": "x"}, "has no layer and no tensor 'nothing', which the map names"),
        ({"net.1": "net/3"}, "two tensors would be called 'net/3/gamma'; name them with --map"),
        ({"net.0.weight": {"name": "k", "transpose": [1, 0]}}, "has 4 axes; the map orders 2"),
        ({"net.0.weight": {"name": "k", "transpose": [0, 0, 1, 2]}}, "expected a name, or an object"),
    ],
)
def test_maps_that_make_no_sense(names: dict[str, Any], said: str, checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(UnusableInputError, match=said):
        convert(checkpoint, tmp_path / "model.ckpt", names=names)
    assert [path.name for path in tmp_path.iterdir()] == ["net.pt"]


def outputs(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model.double().eval()(x.double())


def test_another_epsilon_gives_the_same_outputs(tmp_path: Path) -> None:
    model = network()[3]
    torch.save({f"bn.{name}": tensor for name, tensor in model.state_dict().items()}, tmp_path / "net.pt")
    result = convert(tmp_path / "net.pt", tmp_path / "new.pt", epsilon=1e-5, source_epsilon=1e-3)

    other = nn.BatchNorm2d(6, eps=1e-5)
    loaded = torch.load(tmp_path / "new.pt", weights_only=True)
    other.load_state_dict({name.removeprefix("bn."): tensor for name, tensor in loaded.items()})
    x = torch.randn(4, 6, 5, 5)
    torch.testing.assert_close(outputs(other, x), outputs(model, x), rtol=1e-6, atol=1e-6)
    # Without the adjustment it would not be the same.
    assert (loaded["bn.running_var"] - model.running_var).abs().max() > 9e-4
    assert any("changed by 0.00099" in note for note in result.notes)


def test_a_variance_that_would_be_negative_is_left_and_said(tmp_path: Path) -> None:
    tiny = {"bn.running_mean": torch.zeros(2), "bn.running_var": torch.tensor([1e-4, 1.0])}
    torch.save(tiny, tmp_path / "net.pt")
    result = convert(tmp_path / "net.pt", tmp_path / "new.pt", epsilon=1e-3, source_epsilon=1e-5)
    assert torch.equal(torch.load(tmp_path / "new.pt", weights_only=True)["bn.running_var"], tiny["bn.running_var"])
    assert any("bn must have epsilon 1e-05: with 0.001 some variance" in note for note in result.notes)


def test_what_the_file_does_not_tell_is_not_guessed(checkpoint: Path, tmp_path: Path) -> None:
    result = convert(checkpoint, tmp_path / "model.ckpt", epsilon=1e-3)
    variance = read(tmp_path / "model.ckpt").tensors["net/1/moving_variance"].load()
    np.testing.assert_array_equal(variance, state()["net.1.running_var"].numpy())
    notes = "\n".join(result.notes)
    assert "does not tell the epsilon of all layers" in notes
    assert "does not tell the decay" in notes


def test_what_a_whole_module_tells_is_said(tmp_path: Path) -> None:
    torch.save(network(), tmp_path / "net.pt")
    result = convert(tmp_path / "net.pt", tmp_path / "model.ckpt")
    notes = "\n".join(result.notes)
    assert "in the target, 1 and 2.1 must have epsilon 1e-05 (the default there is 0.001)" in notes
    assert "in the target, 3 must have epsilon 0.001" in notes
    assert "momentum=0.9 (decay 0.9)" in notes
    back = convert(tmp_path / "net.pt", tmp_path / "b.safetensors")
    assert "momentum=0.1 (decay 0.9)" in "\n".join(back.notes)


def test_keras_takes_whole_layers_only(checkpoint: Path, tmp_path: Path) -> None:
    result = convert(checkpoint, tmp_path / "net.h5", names={"net.1": "bn"})
    assert set(result.layers.values()) == {"bn", "net_2_1", "net_3"}
    with h5py.File(tmp_path / "net.h5") as file:
        assert [name.decode() for name in file["bn"].attrs["weight_names"]] == [
            f"bn/{name}:0" for name in ("gamma", "beta", "moving_mean", "moving_variance")
        ]
        np.testing.assert_array_equal(file["bn/bn/moving_mean:0"][()], state()["net.1.running_mean"].numpy())
    assert "net.0.weight" in result.left_out
    assert any("whole layers only" in note for note in result.notes)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"output": "out.xyz"}, "its ending does not say what to convert to; say it with --to: tensorflow, keras"),
        ({"output": "out", "to": "jax"}, "cannot convert to 'jax'"),
        ({"output": "out.pt", "epsilon": -1.0}, "epsilon is -1"),
        ({"output": "net.pt"}, "exists: nothing is ever written over"),
    ],
)
def test_wrong_options(options: dict[str, Any], said: str, checkpoint: Path, tmp_path: Path) -> None:
    output = tmp_path / options.pop("output")
    with pytest.raises(UnusableInputError, match=said):
        convert(checkpoint, output, **options)


def test_checkpoint_without_layers(tmp_path: Path) -> None:
    torch.save({"w": torch.zeros(3)}, tmp_path / "net.pt")
    with pytest.raises(NoNormalizationLayersError):
        convert(tmp_path / "net.pt", tmp_path / "model.ckpt")


def test_dry_run_writes_nothing(checkpoint: Path, tmp_path: Path) -> None:
    result = convert(checkpoint, tmp_path / "model.ckpt", dry_run=True)
    assert [path.name for path in tmp_path.iterdir()] == ["net.pt"]
    assert "net/2/1" in str(result)
    assert "nothing was written" in str(result)
