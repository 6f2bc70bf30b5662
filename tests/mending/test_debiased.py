"""The initial value taken out by arithmetic, against averages that are simulated step by step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch
from torch import nn

from steadynorm import NoNormalizationLayersError, UnusableInputError, debias_statistics
from steadynorm.artifacts.formats import read

Arrays = dict[str, np.ndarray]
RNG = np.random.default_rng(4)
CHANNELS = 5


def simulated(decay: float, updates: int, dead: bool = False) -> tuple[Arrays, Arrays]:
    """Averages as a layer keeps them, and the weighted means of what it was given, without the initial values."""
    mean, variance = np.zeros(CHANNELS), np.ones(CHANNELS)
    means, variances = RNG.normal(3, 1, (updates, CHANNELS)), RNG.uniform(0.01, 2, (updates, CHANNELS))
    if dead:
        means[:, 0] = variances[:, 0] = 0
    for batch_mean, batch_variance in zip(means, variances, strict=True):
        mean = (decay * mean + (1 - decay) * batch_mean).astype(np.float32).astype(np.float64)
        variance = (decay * variance + (1 - decay) * batch_variance).astype(np.float32).astype(np.float64)
    weights = decay ** np.arange(updates)[::-1]
    unbiased = {
        "bn.running_mean": weights @ means / weights.sum(),
        "bn.running_var": weights @ variances / weights.sum(),
    }
    return {"bn.running_mean": mean, "bn.running_var": variance}, unbiased


def written(path: Path, state: Arrays, updates: int | None = None) -> Path:
    found = {name: values.astype(np.float32) for name, values in state.items()}
    found["bn.weight"] = np.full(CHANNELS, 1.5, np.float32)
    if updates is not None:
        found["bn.num_batches_tracked"] = np.array(updates)
    safetensors.numpy.save_file(found, path)
    return path


@pytest.mark.parametrize(("decay", "updates"), [(0.99, 30), (0.999, 500), (0.9, 1), (0.9, 100), (0.9997, 2000)])
def test_against_a_simulation(decay: float, updates: int, tmp_path: Path) -> None:
    lagging, unbiased = simulated(decay, updates)
    old = written(tmp_path / "old.safetensors", lagging)

    mended = debias_statistics(old, tmp_path / "new.safetensors", decay=decay, updates=updates)

    new = safetensors.numpy.load_file(tmp_path / "new.safetensors")
    for name, values in unbiased.items():
        np.testing.assert_allclose(new[name], values, rtol=2e-4)
        left = np.abs(lagging[name] - values).max()
        assert np.abs(new[name] - values).max() < max(0.01 * left, 1e-4)
    assert f"decay {decay:g}, {updates} updates (as given)" in "\n".join(mended.notes)
    assert new["bn.weight"].tobytes() == safetensors.numpy.load_file(old)["bn.weight"].tobytes()


def test_a_layer_of_pytorch_with_its_own_count(tmp_path: Path) -> None:
    layer = nn.BatchNorm1d(CHANNELS, momentum=0.01)
    data = 3 * torch.randn(64, 16, CHANNELS, generator=torch.Generator().manual_seed(0)) + 2
    for batch in data[:40]:
        layer(batch)
    torch.save({"bn." + name: tensor for name, tensor in layer.state_dict().items()}, tmp_path / "old.pt")

    mended = debias_statistics(tmp_path / "old.pt", tmp_path / "new.pt", decay=0.99)

    state = torch.load(tmp_path / "new.pt", weights_only=True)
    weights = 0.99 ** torch.arange(39, -1, -1.0)
    weights /= weights.sum()
    expected = {"running_mean": weights @ data[:40].mean(1), "running_var": weights @ data[:40].var(1)}
    for name, values in expected.items():
        torch.testing.assert_close(state[f"bn.{name}"], values, rtol=1e-4, atol=1e-4)
    assert state["bn.num_batches_tracked"] == 40
    assert "40 updates (num_batches_tracked)" in "\n".join(mended.notes)


def test_a_whole_module_tells_decay_and_count(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(3, CHANNELS), nn.BatchNorm1d(CHANNELS, momentum=0.01))
    for batch in torch.randn(40, 16, 3, generator=torch.Generator().manual_seed(0)):
        model(batch)
    torch.save(model, tmp_path / "old.pt")

    debias_statistics(tmp_path / "old.pt", tmp_path / "new.pt")

    new = torch.load(tmp_path / "new.pt", weights_only=False)
    left = 0.99**40
    torch.testing.assert_close(new[1].running_mean, model[1].running_mean / (1 - left))
    torch.testing.assert_close(new[1].running_var, (model[1].running_var - left) / (1 - left))


def test_channel_that_is_always_the_same_gets_variance_0(tmp_path: Path) -> None:
    lagging, unbiased = simulated(0.99, 30, dead=True)
    old = written(tmp_path / "old.safetensors", lagging, 30)
    debias_statistics(old, tmp_path / "new.safetensors", decay=0.99)
    new = safetensors.numpy.load_file(tmp_path / "new.safetensors")
    assert 0 <= new["bn.running_var"][0] < 1e-5
    np.testing.assert_allclose(new["bn.running_var"][1:], unbiased["bn.running_var"][1:], rtol=1e-4)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"updates": 30}, "nothing tells the decay of 'bn'; give it with --decay"),
        ({"decay": 0.99}, "nothing tells how often the statistics of 'bn' were updated; give it with --updates"),
        ({"decay": 0.99, "updates": 5}, "the variance of 'bn' would be negative .* 5 updates do not fit"),
        ({"decay": 0.99999, "updates": 30}, "99.97 % their initial values: too little else to recover"),
        ({"decay": 0.5, "updates": 500}, "nothing to debias: left alone: 'bn': after 500 updates nothing of the"),
        ({"decay": 1.0, "updates": 30}, "decay is 1; expected the fraction"),
        ({"decay": 0.99, "updates": 0}, "updates is 0"),
    ],
)  # fmt: skip
def test_what_cannot_be_debiased(options: dict[str, Any], said: str, tmp_path: Path) -> None:
    lagging, _ = simulated(0.99, 30)
    lagging["bn.running_var"] = np.full(CHANNELS, 0.8)
    old = written(tmp_path / "old.safetensors", lagging)
    with pytest.raises(UnusableInputError, match=said):
        debias_statistics(old, tmp_path / "new.safetensors", **options)
    assert [path.name for path in tmp_path.iterdir()] == ["old.safetensors"]


def test_layers_that_were_never_updated_are_left_alone(tmp_path: Path) -> None:
    lagging, _ = simulated(0.99, 30)
    other = {"b2.running_mean": np.zeros(3), "b2.running_var": np.ones(3)}
    old = written(tmp_path / "old.safetensors", {**lagging, **other})
    mended = debias_statistics(old, tmp_path / "new.safetensors", decay=0.99, updates=30)
    assert [layer.layer for layer in mended.layers] == ["bn"]
    assert "left alone: 'b2': it is at its initial values: it was never updated" in mended.notes


def test_cumulative_averages_have_no_initial_value(tmp_path: Path) -> None:
    model = nn.Sequential(nn.BatchNorm1d(CHANNELS, momentum=None), nn.BatchNorm1d(CHANNELS))
    for _ in range(3):
        model(torch.randn(8, CHANNELS))
    torch.save(model, tmp_path / "old.pt")
    mended = debias_statistics(tmp_path / "old.pt", tmp_path / "new.pt")
    assert [layer.layer for layer in mended.layers] == ["1"]
    assert any("cumulative (momentum=None)" in note for note in mended.notes)


def test_dry_run_and_the_table(tmp_path: Path) -> None:
    lagging, unbiased = simulated(0.99, 30)
    old = written(tmp_path / "old.safetensors", lagging)
    mended = debias_statistics(old, tmp_path / "new.safetensors", decay=0.99, updates=30, dry_run=True)
    assert [path.name for path in tmp_path.iterdir()] == ["old.safetensors"]
    rms = [np.sqrt(np.mean(np.square(each))) for each in (lagging["bn.running_mean"], unbiased["bn.running_mean"])]
    assert f"{rms[0]:.3g} → {rms[1]:.3g}" in str(mended)


def test_checkpoint_without_layers(tmp_path: Path) -> None:
    safetensors.numpy.save_file({"w": np.ones(3)}, tmp_path / "old.safetensors")
    with pytest.raises(NoNormalizationLayersError):
        debias_statistics(tmp_path / "old.safetensors", tmp_path / "new.safetensors", decay=0.9, updates=3)


def test_the_graph_beside_a_checkpoint_tells_the_decay(tmp_path: Path) -> None:
    data = Path(__file__).parents[1] / "data" / "inception_v3"
    mended = debias_statistics(data, tmp_path / "new.ckpt")

    left = 0.9**30
    before, after = (read(path).tensors for path in (data, tmp_path / "new.ckpt"))
    names = [name for name in before if name.endswith(("moving_mean", "moving_variance"))]
    assert len(names) == 2 * len(mended.layers) == 188
    for name in names:
        old = before[name].load().astype(np.float64)
        expected = old / (1 - left) if name.endswith("mean") else (old - left) / (1 - left)
        np.testing.assert_allclose(after[name].load(), expected, rtol=1e-5, atol=1e-6)
    for name in set(before) - set(names):
        assert after[name].load().tobytes() == before[name].load().tobytes(), name
