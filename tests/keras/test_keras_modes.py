"""SN2 and SN6 on live Keras models: every broken example next to its healthy twin, on the digits."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from steadynorm.keras.batches import numbers_of


def evaluate_in_pieces(size: int, training: bool) -> Any:
    """An evaluation in small batches, in training or in inference mode, that leaves the statistics alone."""

    def evaluate(model: keras.Model, batches: Any) -> float:
        right = total = 0
        with keras.StatelessScope():
            for x, y in batches[:1]:
                for at in range(0, len(x) - len(x) % size, size):
                    output = numbers_of(model(x[at : at + size], training=training))
                    right += int((output.argmax(-1) == y[at : at + size]).sum())
                    total += size
        return right / total

    return evaluate


@pytest.mark.every_backend
@pytest.mark.parametrize("training", [True, False])
def test_sn201_evaluation_in_training_mode(lab: Any, training: bool) -> None:
    report = lab.diagnose(lab.healthy(), evaluate=evaluate_in_pieces(2, training))
    if not training:
        lab.assert_healthy(report)
        return
    found = lab.assert_first(report, "SN201")
    assert found.layers == lab.layers


class AlwaysTraining:
    """Passes training=True on, whatever the model is asked for."""

    def mode(self, training: Any) -> Any:
        return True


@pytest.mark.every_backend
@pytest.mark.parametrize("broken", [True, False])
def test_sn201_a_mode_that_is_written_down_in_the_model(lab: Any, broken: bool) -> None:
    keras.utils.set_random_seed(0)
    kind = type("Net", (AlwaysTraining, lab.Net), {}) if broken else lab.Net
    model = kind()
    model(lab.train_data[0][0])
    report = lab.diagnose(lab.train(model, lab.train_data))
    if broken:
        assert lab.assert_first(report, "SN201").layers == lab.layers
    else:
        lab.assert_healthy(report)


class AlwaysBatch(keras.layers.BatchNormalization):
    """A layer that ignores the mode."""

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        axes = list(range(len(inputs.shape) - 1))
        mean, variance = keras.ops.moments(inputs, axes)
        return keras.ops.batch_normalization(
            inputs, mean, variance, -1, offset=self.beta, scale=self.gamma, epsilon=self.epsilon
        )


class Renamed(keras.layers.BatchNormalization):
    """The healthy twin: a subclass that honours it."""

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        return super().call(inputs, training=training, mask=mask)


@pytest.mark.parametrize("kind", [AlwaysBatch, Renamed])
def test_sn201_a_layer_that_ignores_the_mode(lab: Any, kind: Any) -> None:
    keras.utils.set_random_seed(0)
    model = lab.Net()
    model(lab.train_data[0][0])
    lab.train(model, lab.train_data)
    other = lab.Net(kind=kind)
    other(lab.train_data[0][0])
    other.set_weights(model.get_weights())
    report = lab.diagnose(other)
    if kind is Renamed:
        lab.assert_healthy(report)
    else:
        assert lab.assert_first(report, "SN201").layers == ("inner_norm",)


@pytest.mark.every_backend
@pytest.mark.parametrize("training", [True, False])
def test_sn202_training_in_inference_mode(lab: Any, training: bool) -> None:
    keras.utils.set_random_seed(0)
    model, step = lab.network(), lab.gradient_step(lab.loss, lambda model, x: model(x, training=training))
    optimizer = keras.optimizers.Adam(3e-3)
    optimizer.build(model.trainable_variables)
    lab.repeat(step, model, optimizer, lab.train_data * 4)
    report = lab.diagnose(model, train_step=step, optimizer=optimizer)
    if training:
        lab.assert_healthy(report)
    else:
        assert lab.assert_first(report, "SN202").layers == lab.layers


@pytest.mark.parametrize("training", [True, False])
def test_sn204_evaluation_with_batches_of_one(lab: Any, training: bool) -> None:
    report = lab.diagnose(lab.healthy(), evaluate=evaluate_in_pieces(1, training))
    if training:
        assert lab.assert_first(report, "SN204").layers == ("hidden_norm",)
    else:
        lab.assert_healthy(report)


def test_sn204_in_training(lab: Any) -> None:
    single = [(x[:1], y[:1]) for x, y in lab.train_data]
    found = lab.assert_first(lab.diagnose(lab.healthy(), train_data=single), "SN204")
    assert found.layers == ("hidden_norm",)
    assert "train step" in found.message


def test_sn208_a_layer_that_the_model_does_not_hold(lab: Any) -> None:
    keras.utils.set_random_seed(0)
    outside = keras.layers.BatchNormalization()
    layers = keras.layers
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(8, 3, use_bias=False)(inputs)
    x = layers.ReLU()(layers.Lambda(lambda x: outside(x), output_shape=lambda shape: shape)(x))
    model = keras.Model(inputs, layers.Dense(10)(layers.Flatten()(x)))
    before = [numbers_of(each.value).copy() for each in outside.variables]
    found = lab.assert_first(lab.diagnose(model), "SN208")
    assert len(found.layers) == 1
    for variable, value in zip(outside.variables, before, strict=True):
        np.testing.assert_array_equal(numbers_of(variable.value), value)


@pytest.mark.parametrize("lasting", [True, False])
def test_sn601_frozen_parameters_moving_statistics(lab: Any, lasting: bool) -> None:
    model = lab.healthy()
    for name in lab.layers:
        layer = model.get_layer(name)
        if lasting:
            layer.trainable = False
        else:
            layer.gamma.trainable = layer.beta.trainable = False
    model.compile(keras.optimizers.Adam(1e-4), lambda target, output: lab.loss(output, target))
    report = lab.diagnose(model)
    if lasting:
        lab.assert_healthy(report)
    else:
        assert lab.assert_first(report, "SN601").layers == lab.layers


@pytest.mark.parametrize("frozen", [True, False])
def test_sn602_statistics_kept_from_the_old_task(lab: Any, frozen: bool) -> None:
    def other_task(data: Any) -> Any:
        return [((1 - x) * 2 + 1, y) for x, y in data]

    model = lab.healthy()
    for name in lab.layers:
        model.get_layer(name).trainable = not frozen
    data, validation = other_task(lab.train_data), other_task(lab.validation_data)
    lab.train(model, data, rate=1e-3)
    report = lab.diagnose(model, train_data=data, validation_data=validation)
    if frozen:
        assert "norm" in next(each for each in report.findings if each.code == "SN602").layers
        assert report.findings[0].code == "SN602"
    else:
        lab.assert_healthy(report)
