"""Statistics taken from another checkpoint: which layers, which names, which formats."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch

from steadynorm import NoNormalizationLayersError, UnusableInputError, take_statistics

Arrays = dict[str, np.ndarray]
RNG = np.random.default_rng(2)


def norm(name: str, channels: int = 4, *, trained: bool = True, affine: bool = True, statistics: bool = True) -> Arrays:
    found: Arrays = {}
    if affine:
        found |= {f"{name}.weight": RNG.uniform(0.5, 2, channels), f"{name}.bias": RNG.normal(size=channels)}
    if statistics:
        mean, variance = (RNG.normal(size=channels), RNG.uniform(0.1, 3, channels)) if trained else (0, 1)
        found |= {f"{name}.running_mean": mean + np.zeros(channels)}
        found |= {f"{name}.running_var": variance + np.zeros(channels)}
    return {key: value.astype(np.float32) for key, value in found.items()}


def written(path: Path, *parts: Arrays) -> Path:
    together = {name: values for part in parts for name, values in part.items()}
    if path.suffix == ".safetensors":
        safetensors.numpy.save_file(together, path, {"format": "pt"})
    else:
        torch.save({"state_dict": {name: torch.tensor(each) for name, each in together.items()}, "epoch": 7}, path)
    return path


def loaded(path: Path) -> Arrays:
    if path.suffix == ".safetensors":
        return dict(safetensors.numpy.load_file(path))
    whole = torch.load(path, weights_only=True)
    assert whole["epoch"] == 7
    return {name: each.numpy() for name, each in whole["state_dict"].items()}


@pytest.fixture(params=[".safetensors", ".pt"])
def take(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., tuple[Any, Arrays, Arrays]]:
    """Writes two checkpoints, takes the statistics of the second, and loads the result."""

    def run(old: list[Arrays], other: list[Arrays], **options: Any) -> tuple[Any, Arrays, Arrays]:
        first = written(tmp_path / f"old{request.param}", *old)
        second = written(tmp_path / "other.safetensors", *other)
        digest = first.read_bytes()
        mended = take_statistics(first, second, tmp_path / f"new{request.param}", **options)
        assert first.read_bytes() == digest
        return mended, loaded(first), loaded(tmp_path / f"new{request.param}")

    return run


def same_but(before: Arrays, after: Arrays, *changed: str) -> None:
    for name, values in before.items():
        if name not in changed:
            assert after[name].tobytes() == values.tobytes(), name


def test_initial_ones_are_replaced_and_others_kept(take: Any) -> None:
    good = [norm("bn1"), norm("bn2")]
    mended, before, after = take([norm("bn1", trained=False), norm("bn2"), {"w": np.ones(3, np.float32)}], good)

    for name in ("bn1.running_mean", "bn1.running_var"):
        np.testing.assert_array_equal(after[name], good[0][name])
    same_but(before, after, "bn1.running_mean", "bn1.running_var")
    assert [(layer.layer, layer.taken_from) for layer in mended.layers] == [("bn1", "bn1")]
    assert set(after) == set(before)


def test_missing_ones_are_added(take: Any) -> None:
    good = [norm("bn1"), norm("bn2")]
    mended, before, after = take([norm("bn1", statistics=False), norm("bn2", trained=False)], good)

    for part in good:
        for name in part:
            if "running" in name:
                np.testing.assert_array_equal(after[name], part[name])
    same_but(before, after, "bn2.running_mean", "bn2.running_var")
    assert set(after) - set(before) == {"bn1.running_mean", "bn1.running_var"}
    assert {layer.layer: layer.old_mean is None for layer in mended.layers} == {"bn1": True, "bn2": False}
    assert "none → " in str(mended)


def test_suffixes_and_wrappers_that_are_unique(take: Any) -> None:
    good = norm("backbone.stem.bn")
    mended, _, after = take([norm("module.stem.bn", trained=False)], [good, norm("head.bn")])

    np.testing.assert_array_equal(after["module.stem.bn.running_var"], good["backbone.stem.bn.running_var"])
    assert mended.layers[0].taken_from == "backbone.stem.bn"
    assert "backbone.stem.bn" in str(mended)


def test_suffixes_that_are_not_unique_fit_nothing(take: Any) -> None:
    with pytest.raises(UnusableInputError, match="nothing to take"):
        take([norm("bn", trained=False)], [norm("a.bn"), norm("b.bn")])


@pytest.mark.parametrize("key", ["bn", "bn.running_mean", "bn.weight"])
def test_a_map_names_layers_or_tensors(key: str, take: Any, tmp_path: Path) -> None:
    good = norm("b.norm")
    (tmp_path / "map.json").write_text(json.dumps({key: "b.norm"}))
    _, _, after = take([norm("bn", trained=False)], [norm("a.bn"), good], names=tmp_path / "map.json")
    np.testing.assert_array_equal(after["bn.running_mean"], good["b.norm.running_mean"])


def test_counts_and_layers_between_frameworks(take: Any, tmp_path: Path) -> None:
    good = {"conv/bn/moving_mean": np.arange(4, dtype=np.float32), "conv/bn/moving_variance": np.full(4, 2, np.float32)}
    _, _, after = take([norm("conv.bn", trained=False)], [good])
    np.testing.assert_array_equal(after["conv.bn.running_mean"], np.arange(4))


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ([norm("bn", trained=False)], "at their initial values, too"),
        ([norm("bn", 5)], "has 4 channels, and 'bn' 5"),
        ([norm("unrelated")], r"fits one of unrelated$"),
        ([norm("bn") | {"bn.running_var": -np.ones(4, np.float32)}], "negative variance"),
        ([norm("bn") | {"bn.running_mean": np.full(4, np.nan, np.float32)}], "not finite"),
        ([{"w": np.ones(3, np.float32)}], "has no statistics of normalization layers to take"),
    ],
)
def test_what_is_not_worth_taking(other: list[Arrays], said: str, take: Any, tmp_path: Path) -> None:
    with pytest.raises(UnusableInputError, match=said):
        take([norm("bn", trained=False)], other)
    assert not list(tmp_path.glob("new*"))


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({"nothing": "bn"}, "old.*: has no normalization layer 'nothing', which the map names"),
        ({"bn": "nothing"}, "other.*: has no normalization layer 'nothing', which the map names"),
        ({"bn": 3}, "is mapped to 3; expected a name"),
        ({"bn": {"name": "bn", "transpose": [0, 2]}}, "expected a name"),
    ],
)
def test_maps_that_make_no_sense(names: dict[str, Any], said: str, take: Any) -> None:
    with pytest.raises(UnusableInputError, match=said):
        take([norm("bn", trained=False)], [norm("bn")], names=names)


def test_map_that_is_no_json(take: Any, tmp_path: Path) -> None:
    (tmp_path / "map.json").write_text("[")
    with pytest.raises(UnusableInputError, match=r"map\.json: its content is no JSON"):
        take([norm("bn", trained=False)], [norm("bn")], names=tmp_path / "map.json")


def test_a_layer_of_the_map_that_needs_nothing_is_said(take: Any) -> None:
    mended, _, _ = take([norm("bn"), norm("b2", trained=False)], [norm("bn"), norm("b2")], names={"bn": "bn"})
    assert mended.notes == ("left alone: 'bn': it has statistics of its own",)


def test_types_of_low_precision_get_statistics_in_full(tmp_path: Path) -> None:
    torch.save({"bn.weight": torch.ones(4).bfloat16(), "bn.bias": torch.ones(4).bfloat16()}, tmp_path / "old.pt")
    good = written(tmp_path / "other.safetensors", norm("bn"))
    take_statistics(tmp_path / "old.pt", good, tmp_path / "new.pt")
    state = torch.load(tmp_path / "new.pt", weights_only=True)
    assert state["bn.running_mean"].dtype == torch.float32
    assert state["bn.weight"].dtype == torch.bfloat16


def test_metadata_of_state_dicts_stay(tmp_path: Path) -> None:
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.BatchNorm2d(4))
    state = model.state_dict()
    del state["1.running_mean"], state["1.running_var"]
    torch.save(state, tmp_path / "old.pt")
    good = written(tmp_path / "other.safetensors", norm("1"))
    take_statistics(tmp_path / "old.pt", good, tmp_path / "new.pt")
    new = torch.load(tmp_path / "new.pt", weights_only=True)
    assert new._metadata == state._metadata
    model.load_state_dict(new)


def test_tensors_cannot_be_added_everywhere(tmp_path: Path) -> None:
    shard = written(tmp_path / "a.safetensors", norm("bn", statistics=False))
    weight_map = dict.fromkeys(("bn.weight", "bn.bias"), shard.name)
    (tmp_path / "m.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    good = written(tmp_path / "other.safetensors", norm("bn"))
    with pytest.raises(UnusableInputError, match="tensors cannot be added to a sharded safetensors"):
        take_statistics(tmp_path / "m.safetensors.index.json", good, tmp_path / "new", dry_run=True)


def test_whole_module_is_not_loaded(tmp_path: Path) -> None:
    model = torch.nn.Sequential(torch.nn.BatchNorm1d(4))
    model[0].register_buffer("running_mean", None)
    model[0].register_buffer("running_var", None)
    torch.save({"model": model}, tmp_path / "old.pt")
    good = written(tmp_path / "other.safetensors", norm("0"))
    with pytest.raises(UnusableInputError, match=r"without running what is in it|cannot be added"):
        take_statistics(tmp_path / "old.pt", good, tmp_path / "new.pt")
    assert not (tmp_path / "new.pt").exists()


def test_checkpoint_without_layers(tmp_path: Path) -> None:
    old = written(tmp_path / "old.safetensors", {"w": np.ones(3, np.float32)})
    with pytest.raises((NoNormalizationLayersError, UnusableInputError)):
        take_statistics(old, written(tmp_path / "o.safetensors", norm("bn")), tmp_path / "new.safetensors")


@pytest.mark.parametrize("wrapped", ["old", "other"])
def test_every_layer_is_found_behind_a_front(take: Any, wrapped: str) -> None:
    """`bn1` alone is the end of several names: what stands in front of all of them tells which it is."""
    names = ("bn1", "block.0.bn1", "block.1.bn1")
    fronts = {"old": "", "other": "", wrapped: "encoder."}
    good = [norm(f"{fronts['other']}{name}") for name in names]
    mended, _, after = take([norm(f"{fronts['old']}{name}", trained=False) for name in names], good)
    assert len(mended.layers) == 3
    for name, arrays in zip(names, good, strict=True):
        for last in ("running_mean", "running_var"):
            assert np.array_equal(after[f"{fronts['old']}{name}.{last}"], arrays[f"{fronts['other']}{name}.{last}"])


def test_a_layer_that_stays_as_it_was_initialized_is_named(take: Any) -> None:
    mended, before, after = take([norm("a.bn1", trained=False), norm("b.bn7", trained=False)], [norm("a.bn1")])
    assert len(mended.layers) == 1
    assert any("'b.bn7'" in note and "initial values" in note for note in mended.notes)
    same_but(before, after, "a.bn1.running_mean", "a.bn1.running_var")


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_two_builds_of_one_keras_model_are_matched_by_order(tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")

    def build() -> Any:
        layers = [keras.layers.Input((6,))]
        for _ in range(2):
            layers += [keras.layers.Dense(4, use_bias=False), keras.layers.BatchNormalization()]
        return keras.Sequential(layers)

    first, second = build(), build()
    for layer in first.layers[1::2]:
        layer.moving_mean.assign(RNG.normal(size=4))
        layer.moving_variance.assign(RNG.uniform(0.5, 2, 4))
    first.save(tmp_path / "first.keras")
    second.save(tmp_path / "second.keras")
    take_statistics(tmp_path / "second.keras", tmp_path / "first.keras", tmp_path / "out.keras")
    mended = keras.saving.load_model(tmp_path / "out.keras")
    for ours, theirs in zip(mended.layers[1::2], first.layers[1::2], strict=True):
        assert np.array_equal(ours.moving_mean, theirs.moving_mean)
        assert np.array_equal(ours.moving_variance, theirs.moving_variance)
