"""SN1 to SN4 on live Keras models: every broken example next to its healthy twin, on the digits."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import steadynorm
from steadynorm.keras.batches import numbers_of


def forget(model: keras.Model) -> keras.Model:
    """Puts the statistics back to what they were before the training."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_mean.assign(np.zeros(layer.moving_mean.shape))
            layer.moving_variance.assign(np.ones(layer.moving_variance.shape))
    return model


@pytest.mark.every_backend
def test_a_healthy_network_has_no_findings(lab: Any) -> None:
    report = lab.diagnose(lab.healthy(), evaluate=lab.evaluate)
    lab.assert_healthy(report)
    assert report.evidence.framework == "keras"
    assert report.evidence.gap.size == 0
    assert [layer.name for layer in report.evidence.layers] == list(lab.layers)
    for layer in lab.layers:
        steps = report.evidence.steps.layers[layer]
        assert (steps.batch_uses, steps.updates) == (1, 1)
        assert steps.decay == pytest.approx(0.9, abs=1e-4)


@pytest.mark.every_backend
def test_sn101_momentum_of_one(lab: Any) -> None:
    found = lab.assert_first(lab.diagnose(lab.healthy(momentum=1.0)), "SN101")
    assert found.layers == lab.layers
    assert found.certainty == "proven"
    assert found.effect.after > 0.93
    assert found.effect.share > 0.95


def functional(keep: bool) -> Any:
    """A forward pass without side effects; what it returns for the statistics is kept or dropped."""

    def forward(model: keras.Model, x: Any) -> Any:
        values = [[each.value for each in part] for part in (model.trainable_variables, model.non_trainable_variables)]
        output, others = model.stateless_call(*values, x, training=True)
        if keep:
            for variable, value in zip(model.non_trainable_variables, others, strict=True):
                variable.assign(value)
        return output

    return forward


@pytest.mark.parametrize("keep", [False, True], ids=["dropped", "kept"])
def test_sn101_updates_of_a_stateless_call(lab: Any, keep: bool) -> None:
    keras.utils.set_random_seed(0)
    model, step = lab.network(), lab.gradient_step(lab.loss, functional(keep))
    optimizer = keras.optimizers.Adam(3e-3)
    optimizer.build(model.trainable_variables)
    lab.repeat(step, model, optimizer, lab.train_data * 4)
    report = lab.diagnose(model, train_step=step, optimizer=optimizer)
    if keep:
        lab.assert_healthy(report)
    else:
        assert lab.assert_first(report, "SN101").layers == lab.layers


def test_sn102_one_layer_is_not_updated(lab: Any) -> None:
    keras.utils.set_random_seed(0)
    model = lab.network()
    model.get_layer("inner_norm").momentum = 1.0
    report = lab.diagnose(lab.train(model, lab.train_data))
    assert lab.assert_first(report, "SN102").layers == ("inner_norm",)


@pytest.mark.every_backend
def test_sn103_statistics_at_initialization(lab: Any) -> None:
    found = lab.assert_first(lab.diagnose(forget(lab.healthy())), "SN103")
    assert found.layers == lab.layers
    assert found.effect.share > 0.95
    assert "lost afterwards" in found.message


def test_sn103_is_silent_on_an_untrained_network(lab: Any) -> None:
    keras.utils.set_random_seed(1)
    lab.assert_healthy(lab.diagnose(lab.network()))


def test_sn104_decay_too_slow_for_the_run(lab: Any) -> None:
    found = lab.assert_first(lab.diagnose(lab.healthy(momentum=0.999)), "SN104")
    assert found.severity == "error"
    assert found.effect.share > 0.95
    # Four epochs of 22 batches: Keras' layers do not count, their optimizer does.
    assert found.evidence["updates"] == 88
    assert found.evidence["residual"] == pytest.approx(0.999**88)
    assert "after 88 updates with decay 0.999" in found.message


def test_sn104_an_optimizer_made_anew_does_not_say_how_old_the_statistics_are(lab: Any) -> None:
    model = lab.healthy(momentum=0.99)
    darker = [(x / 2, y) for x, y in lab.train_data]
    lab.train(model, darker[:10], epochs=1, rate=1e-5)  # compiles it again
    report = lab.diagnose(model, train_data=darker, validation_data=None)
    assert report.findings
    assert not any("initial value" in found.message for found in report.findings)


def test_sn105_a_second_forward_pass_in_training_mode(lab: Any) -> None:
    plain = lab.gradient_step(lab.loss)

    def step(model: keras.Model, optimizer: Any, batch: Any) -> Any:
        model(batch[0], training=True)  # for the log
        return plain(model, optimizer, batch)

    model = lab.healthy()
    lab.assert_healthy(lab.diagnose(model, train_step=plain, optimizer=model.optimizer))
    found = lab.assert_first(lab.diagnose(model, train_step=step, optimizer=model.optimizer), "SN105")
    assert found.layers == lab.layers


@pytest.mark.every_backend
@pytest.mark.parametrize("training", [True, False])
def test_sn107_evaluation_moves_the_statistics(lab: Any, training: bool) -> None:
    def evaluate(model: keras.Model, batches: Any) -> float:
        right = sum(int((numbers_of(model(x, training=training)).argmax(-1) == y).sum()) for x, y in batches)
        return right / sum(len(y) for _, y in batches)

    report = lab.diagnose(lab.healthy(), evaluate=evaluate)
    if training:
        assert lab.assert_first(report, "SN107").layers == lab.layers
    else:
        lab.assert_healthy(report)


@pytest.mark.parametrize("corrupt", [True, False])
def test_sn108_the_statistics_take_in_what_the_optimizer_skips(lab: Any, corrupt: bool) -> None:
    plain, calls = lab.gradient_step(lab.loss), iter(range(1000))

    def step(model: keras.Model, optimizer: Any, batch: Any) -> Any:
        x = batch[0] * np.float32(np.nan) if corrupt and next(calls) % 5 == 1 else batch[0]
        if np.isfinite(x).all():
            return plain(model, optimizer, batch)
        return lab.loss(model(x, training=True), batch[1])

    model = lab.healthy()
    report = lab.diagnose(model, train_step=step, optimizer=model.optimizer)
    if corrupt:
        lab.assert_first(report, "SN108")
    else:
        lab.assert_healthy(report)


def test_sn305_a_copy_with_the_statistics_of_its_source(lab: Any) -> None:
    source = lab.healthy()
    model = lab.network()
    model.set_weights(
        [
            value * 1.0 if "moving" in variable.path else value * 1.6
            for value, variable in zip(source.get_weights(), source.weights, strict=True)
        ]
    )
    report = lab.diagnose(model, source_model=source)
    assert lab.assert_first(report, "SN305").layers


def inverted(x: Any) -> Any:
    return (1.0 - x) * 3.0 + 2.0


def shifted(x: Any) -> Any:
    """The same kind of images, one pixel further to the right."""
    return keras.ops.roll(x, 1, axis=2)


@pytest.mark.parametrize("second", [inverted, shifted])
def test_sn401_two_kinds_of_inputs_share_one_set_of_statistics(lab: Any, second: Any) -> None:
    def forward(model: keras.Model, x: Any, training: bool = True) -> Any:
        return keras.ops.concatenate([model(x, training=training), model(second(x)[::-1], training=training)])

    def loss(output: Any, target: Any) -> Any:
        return lab.loss(output, keras.ops.concatenate([target, target[::-1]]))

    def accuracy(output: Any, target: Any) -> float:
        return lab.accuracy(output, np.concatenate([target, target[::-1]]))

    keras.utils.set_random_seed(0)
    model, step = lab.network(), lab.gradient_step(loss, forward)
    optimizer = keras.optimizers.Adam(3e-3)
    optimizer.build(model.trainable_variables)
    lab.repeat(step, model, optimizer, lab.train_data * 6)
    report = lab.diagnose(
        model,
        forward=lambda model, batch: forward(model, batch[0], training=False),
        loss=loss,
        metric=accuracy,
        train_step=step,
        optimizer=optimizer,
    )
    if second is shifted:
        lab.assert_healthy(report)
        return
    found = lab.assert_first(report, "SN401")
    assert "norm" in found.layers
    assert found.effect.remedy == "separate statistics per input"
    assert found.effect.after > found.effect.before + 0.1


def test_the_report_reads_the_same_for_a_subject(lab: Any) -> None:
    subject = steadynorm.Subject(
        forget(lab.healthy()), lab.train_data, lab.validation_data, loss=lab.loss, metric=lab.accuracy, name="digits"
    )
    report = steadynorm.diagnose(subject, progress=False)
    assert report.name == "digits"
    assert lab.codes(report)[0] == "SN103"
