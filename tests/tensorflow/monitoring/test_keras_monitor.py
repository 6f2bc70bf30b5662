"""The callback of Keras on the digits: every broken training next to its healthy twin."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

keras = pytest.importorskip("keras")

import steadynorm  # noqa: E402
from steadynorm.keras.monitor import MonitorCallback  # noqa: E402

pytestmark = pytest.mark.usefixtures("eager")


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    images, labels = load_digits(return_X_y=True)
    return (images[:1408] / 16).astype("float32"), labels[:1408]


def network(momentum: float = 0.7, **options: Any) -> Any:
    keras.utils.set_random_seed(0)
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((64,)),
            layers.Dense(32, use_bias=False),
            layers.BatchNormalization(momentum=momentum, name="norm", **options),
            layers.ReLU(),
            layers.Dense(10),
        ]
    )


def fit(
    model: Any, data: Any, callback: Any | None, *, epochs: int = 4, compiled: bool = True, **options: Any
) -> list[str]:
    """Trains with a callback and gives what it warned of."""
    if compiled:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(3e-3), loss, **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        callbacks = [] if callback is None else [callback]
        model.fit(*data, batch_size=64, epochs=epochs, verbose=0, shuffle=False, callbacks=callbacks)
    return [str(each.message) for each in caught if each.category is steadynorm.TrainingWarning]


def values(variable: Any) -> np.ndarray:
    value = variable.value
    return np.asarray(value.detach() if hasattr(value, "detach") else value)


def codes(warned: list[str]) -> list[str]:
    return [text.split(":")[0] for text in warned]


@pytest.mark.parametrize("every", [1, 10])
def test_a_healthy_training_is_silent_and_not_changed(data: Any, tmp_path: Path, every: int) -> None:
    model, twin = network(), network()
    assert fit(model, data, MonitorCallback(every=every, run=tmp_path / "run.jsonl", tensorboard=tmp_path)) == []
    fit(twin, data, None)
    for mine, other in zip(model.weights, twin.weights, strict=True):
        np.testing.assert_array_equal(values(mine), values(other))


def test_the_run_file_holds_what_the_layer_was_fed(data: Any, tmp_path: Path) -> None:
    """Without learning, the first layer's input follows from the data: the distance of step 22, by NumPy."""
    model = network(momentum=0.9)
    model.layers[0].trainable = False
    callback = MonitorCallback(every=22, run=tmp_path / "run.jsonl")
    fit(model, data, callback, epochs=1)
    outputs = (data[0].astype(np.float64) @ np.asarray(model.layers[0].kernel)).reshape(22, 64, 32)
    moving_mean, moving_variance, differences, variances = np.zeros(32), np.ones(32), [], []
    for each in outputs:
        differences.append(each.mean(0) - moving_mean)
        variances.append((each.var(0), moving_variance))
        moving_mean = 0.9 * moving_mean + 0.1 * each.mean(0)
        moving_variance = 0.9 * moving_variance + 0.1 * each.var(0)
    batch, moving = np.mean(variances[-4:], axis=0)
    shift = np.sqrt(np.mean(np.square(np.mean(differences[-4:], axis=0)) / (batch + 1e-3)))
    ratio = np.sqrt(np.mean(np.square(np.log((batch + 1e-3) / (moving + 1e-3)))))
    lines = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text(encoding="utf-8").splitlines()]
    assert (lines[0]["framework"], lines[0]["interval"]) == ("keras", 22)
    last = [line for line in lines if line["kind"] == "statistics"][-1]
    assert last["step"] == 22
    (measured,) = last["layers"].values()
    assert measured["mean_shift"] == pytest.approx(shift, abs=1e-4)
    assert measured["log_variance_ratio"] == pytest.approx(ratio, abs=1e-3)
    assert measured["updates_per_step"] == 1


class InInferenceMode(keras.Sequential):
    """A model whose own train step leaves training at False."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        return super().call(inputs, training=False, mask=mask)


@pytest.mark.parametrize(("kind", "expected"), [(InInferenceMode, ["SN202"]), (keras.Sequential, [])])
def test_sn202_training_in_inference_mode(data: Any, kind: Any, expected: list[str]) -> None:
    assert codes(fit(kind(network().layers), data, MonitorCallback())) == expected


def test_sn104_an_average_that_has_not_arrived_at_the_end(data: Any) -> None:
    assert codes(fit(network(momentum=0.999), data, MonitorCallback(every=10))) == ["SN104"]


def test_sn510_the_other_frameworks_momentum(data: Any) -> None:
    assert codes(fit(network(momentum=0.01), data, MonitorCallback())) == ["SN510"]


@pytest.mark.parametrize(("whole", "expected"), [(False, ["SN601"]), (True, [])])
def test_sn601_a_frozen_layer_that_moves(data: Any, whole: bool, expected: list[str]) -> None:
    model = network()
    fit(model, data, None)
    layer = model.get_layer("norm")
    if whole:
        layer.trainable = False
    else:
        layer.gamma.trainable = layer.beta.trainable = False
    assert codes(fit(model, data, MonitorCallback())) == expected


def test_sn701_statistics_that_are_not_finite(data: Any) -> None:
    images = data[0].copy()
    images[70, 0] = np.nan
    assert "SN701" in codes(fit(network(), (images, data[1]), MonitorCallback()))


def test_validation_and_several_batches_per_step(data: Any, tmp_path: Path) -> None:
    model = network(momentum=0.9)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(3e-3), loss, steps_per_execution=2)
    callback = MonitorCallback(every=4, run=tmp_path / "run.jsonl")
    history = model.fit(*data, batch_size=64, epochs=2, verbose=0, callbacks=[callback], validation_data=data)
    lines = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text(encoding="utf-8").splitlines()]
    validated = [line["validation"] for line in lines if "validation" in line]
    assert validated == pytest.approx(history.history["val_loss"], rel=1e-5)
    assert [line["step"] for line in lines if "validation" in line] == [11, 22]
    assert callback.session is not None
    assert callback.session.findings == []


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends(backend: str, tmp_path: Path) -> None:
    """One broken and one healthy training, in a process whose Keras has another backend."""
    test = f"{Path(__file__)}::test_sn104_an_average_that_has_not_arrived_at_the_end"
    healthy = f"{Path(__file__)}::test_a_healthy_training_is_silent_and_not_changed"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", test, healthy],
        env={**os.environ, "KERAS_BACKEND": backend, "PYTEST_ADDOPTS": ""},
        check=False,
        capture_output=True,
        text=True,
    )
    assert "3 passed" in done.stdout, done.stdout + done.stderr
