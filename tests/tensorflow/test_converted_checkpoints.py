"""What is converted from PyTorch, in TensorFlow and Keras: they load it and compute the same outputs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steadynorm import convert

tf = pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")

pytestmark = pytest.mark.filterwarnings("ignore")  # Keras warns that .h5 is a format of the past

TORCH = """
import sys, numpy as np, torch
torch.manual_seed(0)
bn = torch.nn.BatchNorm2d(5, momentum=0.1)
for _ in range(30):
    bn(3 * torch.randn(8, 5, 4, 4) + 2)
torch.nn.init.uniform_(bn.weight, 0.5, 2)
torch.nn.init.normal_(bn.bias)
model = torch.nn.Sequential(torch.nn.Conv2d(3, 5, 3), bn).eval()
x = torch.randn(6, 5, 4, 4)
torch.save({f"net.{name}": tensor for name, tensor in model.state_dict().items()}, sys.argv[1] + "/net.pt")
np.savez(sys.argv[1] + "/outputs.npz", x=x.numpy(), y=bn(x).detach().numpy())
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of PyTorch with the outputs of its layer; in a process of its own, as the two disturb each other."""
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("torch")
    subprocess.run([sys.executable, "-c", TORCH, str(folder)], check=True, timeout=120)
    return folder


def inputs_and_outputs(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    found = np.load(folder / "outputs.npz")
    return found["x"].transpose(0, 2, 3, 1), found["y"].transpose(0, 2, 3, 1)


@pytest.mark.parametrize("epsilon", [1e-5, 1e-3])
def test_tensorflow_computes_the_same(epsilon: float, trained: Path, tmp_path: Path) -> None:
    convert(trained / "net.pt", tmp_path / "model.ckpt", epsilon=epsilon, source_epsilon=1e-5)

    reader = tf.train.load_checkpoint(str(tmp_path / "model.ckpt"))
    parts = {name: reader.get_tensor(f"net/1/{name}") for name in ("gamma", "beta", "moving_mean", "moving_variance")}
    x, expected = inputs_and_outputs(trained)
    found, *_ = tf.compat.v1.nn.fused_batch_norm(
        x, parts["gamma"], parts["beta"], parts["moving_mean"], parts["moving_variance"], epsilon, is_training=False
    )
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_a_saver_restores_by_name(trained: Path, tmp_path: Path) -> None:
    v1 = tf.compat.v1
    convert(trained / "net.pt", tmp_path / "model.ckpt")
    with v1.Graph().as_default(), v1.Session() as session:
        wanted = {name: v1.get_variable(name, (5,)) for name in ("net/1/gamma", "net/1/moving_mean")}
        v1.train.Saver(wanted).restore(session, str(tmp_path / "model.ckpt"))
        found = session.run(wanted)
    reader = tf.train.load_checkpoint(str(tmp_path / "model.ckpt"))
    for name, values in found.items():
        np.testing.assert_array_equal(values, reader.get_tensor(name))


def test_checksums_are_what_tensorflow_expects(tmp_path: Path) -> None:
    import safetensors.numpy

    random = np.random.default_rng(0)
    state: dict[str, Any] = {f"w{size}": random.normal(size=size).astype(np.float32) for size in (0, 1, 4096, 70001)}
    state |= {"bn.running_mean": np.zeros(3), "bn.running_var": np.ones(3), "flag": np.array([True])}
    state |= {"half": random.normal(size=7).astype(np.float16), "count": np.array(3, np.int64)}
    safetensors.numpy.save_file(state, tmp_path / "net.safetensors")
    convert(tmp_path / "net.safetensors", tmp_path / "model.ckpt")
    reader = tf.train.load_checkpoint(str(tmp_path / "model.ckpt"))
    for name, values in state.items():
        if name.startswith("bn."):
            continue
        found = reader.get_tensor(name)
        np.testing.assert_array_equal(found, values)
        assert found.dtype == values.dtype


@pytest.mark.parametrize("epsilon", [1e-5, 1e-3])
def test_keras_computes_the_same(epsilon: float, trained: Path, tmp_path: Path) -> None:
    convert(trained / "net.pt", tmp_path / "net.h5", names={"net.1": "bn"}, epsilon=epsilon, source_epsilon=1e-5)

    inputs = keras.Input((4, 4, 5))
    model = keras.Model(inputs, keras.layers.BatchNormalization(epsilon=epsilon, name="bn")(inputs))
    model.load_weights(tmp_path / "net.h5", by_name=True)
    x, expected = inputs_and_outputs(trained)
    np.testing.assert_allclose(model(x, training=False), expected, rtol=1e-6, atol=1e-6)


def test_from_keras_to_pytorchs_names(tmp_path: Path) -> None:
    import safetensors.numpy

    model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Conv2D(5, 3), keras.layers.BatchNormalization()])
    layer = model.layers[1]
    layer.moving_mean.assign(np.arange(5))
    model.save(tmp_path / "net.keras")

    result = convert(tmp_path / "net.keras", tmp_path / "net.safetensors", epsilon=1e-5, only_normalization=True)

    found = safetensors.numpy.load_file(tmp_path / "net.safetensors")
    name = result.layers[layer.name]
    assert set(found) == {f"{name}.{each}" for each in ("weight", "bias", "running_mean", "running_var")}
    np.testing.assert_array_equal(found[f"{name}.running_mean"], np.arange(5))
    np.testing.assert_allclose(found[f"{name}.running_var"], 1 + 1e-3 - 1e-5, rtol=1e-6)
    assert any("momentum=0.01 (decay 0.99)" in note for note in result.notes)
