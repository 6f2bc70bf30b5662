"""The monitor of a Keras model on the digits, in fit and in loops: every broken training next to its healthy twin."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

import steadynorm


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


def compiled(model: Any, **options: Any) -> Any:
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(3e-3), loss, jit_compile=keras.backend.backend() == "jax", **options)
    if model.built:
        model.optimizer.build(model.trainable_variables)  # else TensorFlow traces the first step twice
    return model


def fit(model: Any, data: Any, callback: Any | None, *, epochs: int = 4) -> list[str]:
    """Trains with a callback and gives what it warned of."""
    callbacks = [] if callback is None else [callback]
    with recorded() as warned:
        compiled(model).fit(*data, batch_size=64, epochs=epochs, verbose=0, shuffle=False, callbacks=callbacks)
    return warned


@contextmanager
def recorded() -> Iterator[list[str]]:
    """Takes what a monitor warns of inside it; every warning points to this file."""
    texts: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield texts
    of_training = [each for each in caught if each.category is steadynorm.TrainingWarning]
    assert {each.filename for each in of_training} <= {__file__}
    texts += [str(each.message) for each in of_training]


def fit_monitored(model: Any, data: Any, epochs: int = 4) -> list[str]:
    return fit(model, data, steadynorm.Monitor(model), epochs=epochs)


def values(variable: Any) -> np.ndarray:
    value = variable.value
    return np.asarray(value.detach() if hasattr(value, "detach") else value)


def codes(warned: list[str]) -> list[str]:
    return [text.split(":")[0] for text in warned]


@pytest.mark.parametrize("every", [1, 10])
def test_a_healthy_training_is_silent_and_not_changed(data: Any, tmp_path: Path, every: int) -> None:
    model, twin = network(), network()
    assert (
        fit(model, data, steadynorm.Monitor(model, every=every, run=tmp_path / "run.jsonl", tensorboard=tmp_path)) == []
    )
    fit(twin, data, None)
    for mine, other in zip(model.weights, twin.weights, strict=True):
        np.testing.assert_array_equal(values(mine), values(other))


def test_the_run_file_holds_what_the_layer_was_fed(data: Any, tmp_path: Path) -> None:
    """Without learning, the first layer's input follows from the data: the distance of step 22, by NumPy."""
    model = network(momentum=0.9)
    model.layers[0].trainable = False
    callback = steadynorm.Monitor(model, every=22, run=tmp_path / "run.jsonl")
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
    assert codes(fit_monitored(kind(network().layers), data, epochs=1)) == expected


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        ({"momentum": 1.0}, "SN101"),
        ({"momentum": 0.999}, "SN104"),
        ({"momentum": 0.01}, "SN510"),
        ({"dtype": "float16"}, "SN704"),
    ],
)
def test_what_a_training_does_wrong(data: Any, broken: dict[str, Any], code: str) -> None:
    """The twin of each is the healthy training above: the same network without the one option."""
    assert codes(fit_monitored(network(**broken), data, epochs=1)) == [code]


@pytest.mark.parametrize(("whole", "expected"), [(False, ["SN601"]), (True, [])])
def test_sn601_a_frozen_layer_that_moves(data: Any, whole: bool, expected: list[str]) -> None:
    model = network()
    fit(model, data, None)
    layer = model.get_layer("norm")
    if whole:
        layer.trainable = False
    else:
        layer.gamma.trainable = layer.beta.trainable = False
    assert codes(fit_monitored(model, data)) == expected


def test_sn701_statistics_that_are_not_finite(data: Any) -> None:
    images = data[0].copy()
    images[70, 0] = np.nan
    assert "SN701" in codes(fit_monitored(network(), (images, data[1]), epochs=1))


def test_validation_and_several_batches_per_step(data: Any, tmp_path: Path) -> None:
    model = network(momentum=0.9)
    compiled(model, steps_per_execution=2)
    callback = steadynorm.Monitor(model, every=4, run=tmp_path / "run.jsonl")
    history = model.fit(*data, batch_size=64, epochs=2, verbose=0, callbacks=[callback], validation_data=data)
    lines = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text(encoding="utf-8").splitlines()]
    validated = [line["validation"] for line in lines if "validation" in line]
    assert validated == pytest.approx(history.history["val_loss"], rel=1e-5)
    assert [line["step"] for line in lines if "validation" in line] == [11, 22]
    assert callback.findings == []


def loop(data: Any, monitor: Any, model: Any, steps: int = 20) -> list[str]:
    """A loop of one's own, and what its monitor warned of."""
    compiled(model)
    with recorded() as warned, monitor or nullcontext():
        for index in range(steps):
            chosen = slice(64 * (index % 22), 64 * (index % 22) + 64)
            loss = model.train_on_batch(data[0][chosen], data[1][chosen])
            if monitor is not None:
                monitor.step(loss=loss)
    return warned


@pytest.mark.every_backend
@pytest.mark.parametrize(("momentum", "expected"), [(0.5, []), (0.999, ["SN104"])])
def test_a_loop_of_ones_own(data: Any, tmp_path: Path, momentum: float, expected: list[str]) -> None:
    model = network(momentum)
    monitor = steadynorm.Monitor(model, every=10, run=tmp_path / "run.jsonl")
    assert codes(loop(data, monitor, model)) == expected
    lines = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["step"] for line in lines if line["kind"] == "loss"] == [5, 10, 20]
    assert all(0 < line["train"] < 3 for line in lines if line["kind"] == "loss")


@pytest.mark.every_backend
def test_a_loop_is_the_same_bit_for_bit(data: Any) -> None:
    model, twin = network(), network()
    loop(data, steadynorm.Monitor(model, every=1), model)
    loop(data, None, twin)
    for mine, other in zip(model.weights, twin.weights, strict=True):
        np.testing.assert_array_equal(values(mine), values(other))


def test_a_loop_in_inference_mode(data: Any) -> None:
    model = InInferenceMode(network().layers)
    assert codes(loop(data, steadynorm.Monitor(model), model)) == ["SN202"]


def test_a_model_that_is_not_built_yet(data: Any) -> None:
    layers = keras.layers
    model = keras.Sequential([layers.Dense(8), layers.BatchNormalization(momentum=0.999), layers.Dense(10)])
    monitor = steadynorm.Monitor(model)
    with pytest.raises(steadynorm.UnusableInputError, match="was never called"):
        monitor.step()
    assert codes(fit(model, data, monitor)) == ["SN104"]


def test_a_second_fit_is_a_training_of_its_own(data: Any, tmp_path: Path) -> None:
    model = network(momentum=0.01)
    monitor = steadynorm.Monitor(model, run=tmp_path / "run.jsonl")
    for _ in range(2):
        assert codes(fit(model, data, monitor, epochs=1)) == ["SN510"]
        assert monitor.steps == 22


@pytest.mark.parametrize("end", ["close", "next fit"])
def test_a_fit_that_is_interrupted_is_judged_later(data: Any, tmp_path: Path, end: str) -> None:
    class Interrupted(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if batch == 10:
                raise KeyboardInterrupt

    model = network(momentum=0.999)
    monitor = steadynorm.Monitor(model, run=tmp_path / "run.jsonl")
    with pytest.raises(KeyboardInterrupt):
        compiled(model).fit(*data, batch_size=64, epochs=1, verbose=0, callbacks=[monitor, Interrupted()])
    with recorded() as warned:
        monitor.close() if end == "close" else model.fit(
            *data, epochs=1, steps_per_epoch=1, verbose=0, callbacks=[monitor]
        )
    assert codes(warned)[0] == "SN104"
    assert '"code":"SN104"' in (tmp_path / "run.jsonl").read_text()


def test_a_fit_that_ends_with_python_is_judged(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import keras, numpy, steadynorm\n"
        "model = keras.Sequential([keras.Input((4,)), keras.layers.BatchNormalization(), keras.layers.Dense(1)])\n"
        "model.compile('sgd', 'mse')\n"
        "model.layers[0].moving_variance.assign([float('nan')] * 4)\n"
        f"monitor = steadynorm.Monitor(model, run={str(tmp_path / 'run.jsonl')!r})\n"
        "stop = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: 1 / (batch < 1))\n"
        "model.fit(numpy.ones((8, 4)), numpy.ones(8), batch_size=2, verbose=0, callbacks=[monitor, stop])\n"
    )
    ended = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=False)
    assert "ZeroDivisionError" in ended.stderr
    assert "ResourceWarning" not in ended.stderr
    assert '"code":"SN701"' in (tmp_path / "run.jsonl").read_text()


def test_what_cannot_be_monitored(data: Any) -> None:
    layers = keras.layers
    with pytest.raises(steadynorm.NoNormalizationLayersError, match="keeps statistics"):
        steadynorm.Monitor(keras.Sequential([layers.Input((64,)), layers.Dense(10)]))
    with pytest.raises(steadynorm.UnusableInputError, match=r"expected a torch\.optim\.Optimizer"):
        steadynorm.Monitor(network(), optimizer=keras.optimizers.Adam())
    other = network()
    with pytest.raises(steadynorm.UnusableInputError, match=r"and fit\(\) trains"):
        fit(other, data, steadynorm.Monitor(network()))
    inner = network()
    whole = keras.Sequential([layers.Input((64,)), inner])
    assert fit(whole, data, steadynorm.Monitor(inner), epochs=1) == []


def stateless_steps(lab: Any, model: Any, batches: Any, *, kept: bool) -> Iterator[tuple[Any, Any]]:
    """A loop on JAX that keeps its state outside of the model; gives loss and state after each step."""
    jax = importlib.import_module("jax")

    def computed(trainable: Any, others: Any, batch: Any) -> Any:
        output, moved = model.stateless_call(trainable, others, batch[0], training=True)
        return lab.loss(output, batch[1]), moved if kept else others

    @jax.jit
    def step(state: Any, batch: Any) -> Any:
        (loss, others), gradients = jax.value_and_grad(computed, has_aux=True)(*state, batch)
        return loss, ([each - 0.05 * by for each, by in zip(state[0], gradients, strict=True)], others)

    state: Any = tuple(
        [each.value for each in part] for part in (model.trainable_variables, model.non_trainable_variables)
    )
    for batch in batches:
        loss, state = step(state, batch)
        yield loss, state


@pytest.mark.every_backend
@pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="only JAX keeps the state of a training outside of the model"
)
@pytest.mark.parametrize(
    ("kept", "given", "expected"),
    [
        (True, True, []),
        (False, True, ["SN101"]),
        (True, False, ["monitoring stopped at step 5, the training goes on without it"]),
    ],
)
def test_a_stateless_loop(lab: Any, data: Any, kept: bool, given: bool, expected: list[str]) -> None:
    model = network(momentum=0.5)
    batches = [(data[0][at : at + 64], data[1][at : at + 64]) for at in range(0, 1408, 64)]
    with recorded() as warned, steadynorm.Monitor(model) as monitor:
        for loss, state in stateless_steps(lab, model, batches, kept=kept):
            monitor.step(loss=loss, **({"state": state} if given else {}))
    assert codes(warned) == expected


@pytest.mark.parametrize(("momentum", "expected"), [(1.0, ["SN102"]), (0.7, [])])
def test_sn102_some_layers_never_update(data: Any, momentum: float, expected: list[str]) -> None:
    layers = network().layers
    model = keras.Sequential([*layers, keras.layers.BatchNormalization(momentum=momentum, name="last")])
    model.build((None, 64))
    warned = fit_monitored(model, data, epochs=1)
    assert codes(warned) == expected
    assert all("the statistics of 1 layer did not move" in text for text in warned)


def test_sn702_a_variance_below_zero(data: Any) -> None:
    """As a subtraction of averages leaves it; every other test here is the healthy twin."""
    model = network(momentum=0.95)

    class Spoiled(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            layer = model.get_layer("norm")
            layer.moving_variance.assign(layer.moving_variance - 2.0)

    with recorded() as warned:
        compiled(model).fit(*data, verbose=0, epochs=1, callbacks=[Spoiled(), steadynorm.Monitor(model)])
    assert "SN702" in codes(warned)
