"""SN5 and SN7 on live Keras models: every broken example next to its healthy twin, on the digits."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from steadynorm.keras.batches import numbers_of


def codes(lab: Any, model: Any, **options: Any) -> list[str]:
    return lab.codes(lab.diagnose(model, **options))


@pytest.mark.every_backend
@pytest.mark.parametrize("bias", [True, False])
def test_sn501_bias_before_normalization(lab: Any, bias: bool) -> None:
    report = lab.diagnose(lab.network(bias=bias))
    found = [each for each in report.findings if each.code == "SN501"]
    assert bool(found) == bias
    if bias:
        assert found[0].layers == lab.layers
        assert found[0].evidence["producers"] == {"norm": "conv", "inner_norm": "inner", "hidden_norm": "hidden"}


def small(*layers: Any) -> keras.Model:
    return keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), *layers])


def dense(units: int = 10, **options: Any) -> Any:
    return keras.layers.Dense(units, use_bias=False, **options)


def test_sn501_is_silent_where_an_activation_stands_between(lab: Any) -> None:
    model = small(keras.layers.Dense(16, activation="relu"), keras.layers.BatchNormalization(), keras.layers.Dense(10))
    assert "SN501" not in codes(lab, model)


def test_sn501_looks_into_classes_and_blocks(lab: Any) -> None:
    class Block(keras.layers.Layer):
        def __init__(self, bias: bool) -> None:
            super().__init__(name="block")
            self.dense = keras.layers.Dense(16, use_bias=bias, name="dense")
            self.norm = keras.layers.BatchNormalization(name="norm")

        def call(self, x: Any, training: Any = None) -> Any:
            return keras.ops.relu(self.norm(self.dense(x), training=training))

    for bias in (True, False):
        report = lab.diagnose(small(Block(bias), keras.layers.Dense(10)))
        found = [each.layers for each in report.findings if each.code == "SN501"]
        assert found == ([("block/norm",)] if bias else [])


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_sn502_normalization_before_sigmoid(lab: Any, activation: str) -> None:
    model = small(
        dense(16), keras.layers.BatchNormalization(), keras.layers.Activation(activation), keras.layers.Dense(10)
    )
    assert ("SN502" in codes(lab, model)) == (activation != "relu")


@pytest.mark.parametrize("last", [True, False])
def test_sn503_normalization_on_output(lab: Any, last: bool) -> None:
    tail = [keras.layers.BatchNormalization()]
    model = small(dense(), *tail) if last else small(dense(16), *tail, keras.layers.Dense(10))
    assert ("SN503" in codes(lab, model)) == last


@pytest.mark.parametrize("size", [4, 32])
def test_sn505_batch_too_small(lab: Any, size: int) -> None:
    data = [(x[at : at + size], y[at : at + size]) for x, y in lab.train_data for at in range(0, 64, size)][:40]
    assert ("SN505" in codes(lab, lab.healthy(), train_data=data)) == (size == 4)


@pytest.mark.every_backend
@pytest.mark.parametrize("where", ["before", "after"])
def test_sn507_dropout_before_normalization(lab: Any, where: str) -> None:
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dropout(0.5 if where == "before" else 0.0),
            layers.Dense(32, use_bias=False),
            layers.BatchNormalization(momentum=0.9, name="norm"),
            layers.ReLU(),
            layers.Dropout(0.5 if where == "after" else 0.0),
            layers.Dense(10),
        ]
    )
    report = lab.diagnose(lab.train(model, lab.train_data))
    if where == "after":
        lab.assert_healthy(report)
        return
    found = next(each for each in report.findings if each.code == "SN507")
    assert found.layers == ("norm",)
    # Without the watching: the variance of the layer's input with and without dropout.
    x = np.concatenate([x for x, _ in lab.train_data])
    fed = keras.Model(model.inputs[0], model.get_layer("norm").input)
    variances = [numbers_of(fed(x, training=training)).var(0) + 1e-3 for training in (True, False)]
    measured = found.evidence["log_variance_ratio"]["norm"]
    assert measured == pytest.approx(np.median(np.log(variances[0] / variances[1])), abs=0.05)


@pytest.mark.parametrize("scale", [1 / 255, 1.0], ids=["scaled twice", "scaled once"])
def test_sn509_epsilon_dominates(lab: Any, scale: float) -> None:
    keras.utils.set_random_seed(0)
    data = [(x * np.float32(scale), y) for x, y in lab.train_data]
    validation = [(x * np.float32(scale), y) for x, y in lab.validation_data]
    report = lab.diagnose(lab.train(lab.network(), data, epochs=8), train_data=data, validation_data=validation)
    if scale == 1.0:
        lab.assert_healthy(report)
    else:
        found = next(each for each in report.findings if each.code == "SN509")
        assert "norm" in found.layers


@pytest.mark.parametrize("momentum", [0.1, 0.9])
def test_sn510_momentum_of_the_other_framework(lab: Any, momentum: float) -> None:
    report = lab.diagnose(lab.healthy(momentum=momentum))
    found = [each for each in report.findings if each.code == "SN510"]
    assert bool(found) == (momentum == 0.1)
    if found:
        assert found[0].layers == lab.layers
        assert "momentum=0.9" in found[0].remedy
        assert "shows 0.1" in found[0].message


def assign(variable: Any, values: Any, channels: slice) -> None:
    changed = numbers_of(variable.value).copy()
    changed[channels] = values
    variable.assign(changed)


@pytest.mark.parametrize("name", ["moving_mean", "moving_variance"])
def test_sn701_statistics_not_finite(lab: Any, name: str) -> None:
    model = lab.healthy()
    assign(getattr(model.get_layer("inner_norm"), name), np.nan, slice(3, 4))
    found = lab.assert_first(lab.diagnose(model), "SN701")
    assert found.layers == ("inner_norm",)
    assert "at channel 3" in found.message


def test_sn702_negative_variance(lab: Any) -> None:
    model = lab.healthy()
    assign(model.get_layer("inner_norm").moving_variance, -0.02, slice(7, 8))
    found = lab.assert_first(lab.diagnose(model), "SN702")
    assert found.evidence == {"channels": 1, "lowest": pytest.approx(-0.02)}
    assert found.effect.share == pytest.approx(1.0)


def test_sn703_dead_channels(lab: Any) -> None:
    model = lab.healthy()
    assign(model.get_layer("norm").gamma, 0.0, slice(0, 2))
    found = next(each for each in lab.diagnose(model).findings if each.code == "SN703")
    assert found.evidence == {"no_variance": 0, "no_scale": 2}
    assert "SN703" not in codes(lab, lab.healthy())


@pytest.mark.parametrize("dtype", ["float16", "mixed_float16"])
def test_sn704_statistics_in_half_precision(lab: Any, dtype: str) -> None:
    model = small(dense(16), keras.layers.BatchNormalization(dtype=dtype), keras.layers.Dense(10))
    assert ("SN704" in codes(lab, model)) == (dtype == "float16")


@pytest.mark.every_backend
def test_sn705_stored_variance_far_too_small(lab: Any) -> None:
    model = lab.healthy()
    layer = model.get_layer("inner_norm")
    layer.epsilon = 1e-6
    layer.moving_variance.assign(layer.moving_variance * 1e-5)
    found = lab.assert_first(lab.diagnose(model), "SN705")
    assert found.layers == ("inner_norm",)
    assert found.evidence["output_growth"] > 10
