"""The Estimator with this package's layers: updates wherever they hang run, each as often as it should."""

from __future__ import annotations

import logging
import warnings

import numpy as np
import pytest
import tensorflow as tf

from steadynorm.tensorflow import (
    UpdatesNotRunError,
    batch_norm,
    batch_normalization,
    create_train_op,
    minimize,
)
from steadynorm.tensorflow import estimator as est
from steadynorm.tensorflow.watch import UnsafeLayerWarning

v1 = tf.compat.v1


def slim(x, training, **options):
    return batch_norm(x, decay=0.9, is_training=training, scope="bn", **options)


def layers(x, training, **options):
    return batch_normalization(x, momentum=0.9, training=training, name="bn", **options)


def model_with(normalize, step="plain", **options):
    def model_fn(features, labels, mode):
        hidden = normalize(features["x"], mode == est.ModeKeys.TRAIN, **options)
        weights = v1.get_variable("kernel", [2, 1], initializer=v1.ones_initializer())
        prediction = tf.squeeze(tf.matmul(hidden, weights), 1)
        if mode == est.ModeKeys.PREDICT:
            return est.EstimatorSpec(mode, predictions=prediction)
        loss = v1.losses.mean_squared_error(labels, prediction)
        if mode == est.ModeKeys.EVAL:
            return est.EstimatorSpec(mode, loss=loss)
        optimizer, global_step = v1.train.GradientDescentOptimizer(0.01), v1.train.get_global_step()
        if step == "create_train_op":
            train_op = create_train_op(loss, optimizer)
        elif step == "minimize":
            train_op = minimize(optimizer, loss, global_step=global_step)
        else:
            train_op = optimizer.minimize(loss, global_step=global_step)
        return est.EstimatorSpec(mode, loss=loss, train_op=train_op)

    return model_fn


CASES = {
    "slim forgotten": (model_with(slim), True),
    "layers forgotten": (model_with(layers), True),
    "slim in a collection of its own": (model_with(slim, updates_collections="own"), True),
    "slim in place": (model_with(slim, updates_collections=None), False),
    "slim with create_train_op": (model_with(slim, "create_train_op"), False),
    "layers with minimize": (model_with(layers, "minimize"), False),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.filterwarnings("error")
def test_every_update_runs_once_a_step(make, input_fn, data, caplog, case):
    model_fn, attached = CASES[case]
    estimator = make(model_fn)
    with caplog.at_level(logging.WARNING, logger="steadynorm"):
        estimator.train(input_fn, steps=6)
    # By hand: the batch is always the same, so 1 − 0.9⁶ of its mean has come in; twice a step it would be 1 − 0.9¹².
    mean = (1 - 0.9**6) * data[0].mean(0)
    np.testing.assert_allclose(estimator.get_variable_value("bn/moving_mean"), mean, rtol=1e-4)
    assert any("attached" in record.getMessage() for record in caplog.records) == attached
    large = list(estimator.predict(lambda: tf.data.Dataset.from_tensors({"x": data[0]})))
    single = list(estimator.predict(lambda: tf.data.Dataset.from_tensor_slices({"x": data[0]}).batch(1)))
    np.testing.assert_allclose(single, large, atol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_strict(make, input_fn, case):
    model_fn, attached = CASES[case]
    if attached:
        with pytest.raises(ValueError, match="does not run 2 update ops"):
            make(model_fn).train(input_fn, steps=1, strict=True)
    else:
        make(model_fn).train(input_fn, steps=1, strict=True)


def test_updates_that_no_step_can_ask_for_are_named(make, input_fn):
    def within_a_branch(x, training):
        if not training:
            return slim(x, False)
        with v1.variable_scope("", reuse=v1.AUTO_REUSE):
            return tf.cond(
                tf.reduce_sum(x) > 0,
                lambda: slim(x, True, updates_collections="own"),
                lambda: slim(x, False, reuse=True),
            )

    model_fn = model_with(within_a_branch)
    with pytest.warns(UnsafeLayerWarning, match="'bn' is not updated by any step"):
        make(model_fn).train(input_fn, steps=1)
    with pytest.raises(ValueError, match=r"bn/moving_mean.* inside a condition, loop or function"):
        make(model_fn).train(input_fn, steps=1, strict=True)


def test_updates_that_no_collection_names_are_said_not_to_run(make, norm, input_fn, caplog):
    def dropped(x, training):
        hidden = norm(x, training)
        v1.get_collection_ref(v1.GraphKeys.UPDATE_OPS).clear()
        return hidden

    estimator = make(model_with(dropped))
    estimator.train(input_fn, steps=1)
    assert "does not run the updates of 2 moving statistics" in caplog.text
    np.testing.assert_array_equal(estimator.get_variable_value("bn/moving_mean"), [0, 0])
    with pytest.raises(UpdatesNotRunError, match="bn/moving_mean"):
        make(model_with(dropped)).train(input_fn, steps=1, strict=True)


def test_a_frozen_layer_in_inference_mode_needs_no_updates(make, input_fn, caplog):
    make(model_with(lambda x, training: slim(x, False, trainable=False))).train(input_fn, steps=1, strict=True)
    assert not [record for record in caplog.records if record.name == "steadynorm"]


def test_a_trained_layer_in_inference_mode_is_an_error_where_strict(make, input_fn):
    with pytest.raises(ValueError, match="'bn' is trained, but fixed in inference mode"):
        make(model_with(lambda x, training: slim(x, False))).train(input_fn, steps=1, strict=True)


def test_a_layer_fixed_in_training_mode_is_warned_of_where_it_infers(make, input_fn, once, tmp_path):
    def receiver():
        x = v1.placeholder(tf.float32, [None, 2])
        return est.export.ServingInputReceiver({"x": x}, {"x": x})

    estimator = make(model_with(lambda x, training: slim(x, True)))
    estimator.train(input_fn, steps=1)
    for use in (
        lambda: estimator.evaluate(once),
        lambda: next(estimator.predict(once)),
        lambda: estimator.export_saved_model(tmp_path / "export", receiver),
    ):
        with pytest.warns(UnsafeLayerWarning, match="'bn' is fixed in training mode"):
            use()


def trained_in_every_mode(step, infer):
    """A model_fn that builds its train op whatever the mode, and normalizes by the batch where it infers if told so."""

    def model_fn(features, labels, mode):
        training = mode == est.ModeKeys.TRAIN
        hidden = slim(features["x"], training if infer == "averages" else True)
        loss = tf.reduce_mean(tf.square(tf.matmul(hidden, v1.get_variable("kernel", [2, 1]))))
        train_op = step(v1.train.GradientDescentOptimizer(0.01), loss, v1.train.get_global_step())
        return est.EstimatorSpec(mode, predictions=hidden, loss=loss, train_op=train_op)

    return model_fn


@pytest.mark.parametrize("step", [minimize, lambda optimizer, *loss: optimizer.minimize(*loss)], ids=["ours", "plain"])
@pytest.mark.parametrize("infer", ["averages", "batch"])
def test_a_train_op_in_every_mode_does_not_change_what_is_said_of_inference(
    make, input_fn, once, tmp_path, step, infer
):
    def receiver():
        x = v1.placeholder(tf.float32, [None, 2])
        return est.export.ServingInputReceiver({"x": x}, {"x": x})

    estimator = make(trained_in_every_mode(step, infer))
    estimator.train(input_fn, steps=1)
    for use in (
        lambda: estimator.evaluate(once),
        lambda: next(estimator.predict(once)),
        lambda: estimator.export_saved_model(tmp_path / "export", receiver),
    ):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            use()
        said = [str(each.message) for each in caught if issubclass(each.category, UserWarning)]
        assert len([each for each in said if "'bn' is fixed in training mode" in each]) == (infer == "batch")
        assert len(said) == (infer == "batch")


def two_layers(features, labels, mode):
    training = mode == est.ModeKeys.TRAIN
    hidden = batch_norm(features["x"], decay=0.9, is_training=training, trainable=False, scope="backbone")
    hidden = batch_norm(hidden, decay=0.9, is_training=training, scope="head")
    loss = v1.losses.mean_squared_error(labels, tf.reduce_sum(hidden, 1))
    train_op = v1.train.GradientDescentOptimizer(0.01).minimize(loss, v1.train.get_global_step())
    return est.EstimatorSpec(mode, loss=loss, train_op=train_op)


@pytest.mark.parametrize("patterns", ["backbone/", ["backbone/"], ("other", "backbone")])
@pytest.mark.filterwarnings("error")
def test_a_frozen_backbone_stays_as_it_is(make, input_fn, caplog, patterns):
    estimator = make(two_layers, except_for=patterns)
    for _ in range(2):
        estimator.train(input_fn, steps=1)
    np.testing.assert_array_equal(estimator.get_variable_value("backbone/moving_mean"), [0, 0])
    np.testing.assert_array_equal(estimator.get_variable_value("backbone/moving_variance"), [1, 1])
    assert not np.allclose(estimator.get_variable_value("head/moving_variance"), 1, atol=1e-6)
    assert "does not run 2 update ops (head/" in caplog.text
    with pytest.raises(ValueError, match=r"does not run 2 update ops \(head/"):
        estimator.train(input_fn, steps=1, strict=True)


def test_without_exceptions_a_backbone_is_updated(make, input_fn, caplog, data):
    estimator = make(two_layers)
    estimator.train(input_fn, steps=1)
    np.testing.assert_allclose(estimator.get_variable_value("backbone/moving_mean"), 0.1 * data[0].mean(0), rtol=1e-4)
    assert "does not run 4 update ops" in caplog.text
    make(two_layers, folder="strict", except_for=["backbone", "head"]).train(input_fn, steps=1, strict=True)


@pytest.mark.parametrize("kind", ["of this package", "by hand"])
def test_a_trained_layer_fixed_in_inference_mode_is_named_once(make, norm, input_fn, kind):
    model_fn = model_with(lambda x, training: norm(x, False) if kind == "by hand" else layers(x, False))
    with pytest.warns(UnsafeLayerWarning, match="'bn' is trained, but fixed in inference mode") as caught:
        make(model_fn).train(input_fn, steps=1)
    assert len([each for each in caught if "'bn'" in str(each.message)]) == 1
    with pytest.raises(ValueError, match="'bn' is trained, but fixed in inference mode"):
        make(model_fn).train(input_fn, steps=1, strict=True)


@pytest.mark.filterwarnings("error")
def test_a_frozen_layer_fixed_in_inference_mode_is_not_named(make, norm, input_fn):
    frozen = model_with(lambda x, training: layers(x, False, trainable=False))
    make(frozen).train(input_fn, steps=1)
    make(frozen).train(input_fn, steps=1, strict=True)
    make(model_with(lambda x, training: norm(x, False)), folder="excepted", except_for="bn/").train(input_fn, steps=1)


def towers(features, labels, mode):
    """Two towers share a layer; as in many a program, the step runs the updates of the first one alone."""
    del labels, mode
    optimizer, pairs, updates = v1.train.GradientDescentOptimizer(0.01), [], []
    for index, part in enumerate(tf.split(features["x"], 2)):
        with v1.variable_scope("", reuse=v1.AUTO_REUSE), tf.name_scope(f"tower{index}") as scope:
            loss = tf.reduce_mean((slim(part, True) - 1.0) ** 2)
            pairs.append(optimizer.compute_gradients(loss))
            updates = updates or v1.get_collection(v1.GraphKeys.UPDATE_OPS, scope)
    mean = [((a + b) / 2, variable) for (a, variable), (b, _) in zip(*pairs, strict=True)]
    with tf.control_dependencies(updates):
        step = optimizer.apply_gradients(mean, v1.train.get_global_step())
    return est.EstimatorSpec("train", loss=loss, train_op=step)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.filterwarnings("error")
def test_a_layer_that_a_tower_updates_is_left_as_the_program_has_it(make, input_fn, data, caplog, strict):
    estimator = make(towers)
    with caplog.at_level(logging.WARNING, logger="steadynorm"):
        estimator.train(input_fn, steps=1, strict=strict)
    assert not caplog.records
    mean = 0.1 * data[0][: len(data[0]) // 2].mean(0)
    np.testing.assert_allclose(estimator.get_variable_value("bn/moving_mean"), mean, rtol=1e-4)


@pytest.mark.filterwarnings("error")
def test_an_optimizer_that_assigns_trains_strictly(make, input_fn):
    class Assigning(v1.train.Optimizer):
        def __init__(self):
            super().__init__(use_locking=False, name="Assigning")

        def apply_gradients(self, grads_and_vars, global_step=None, name=None):
            steps = [variable.assign(variable - 0.1 * gradient) for gradient, variable in grads_and_vars]
            return tf.group(*steps, global_step.assign_add(1), name=name)

    def model_fn(features, labels, mode):
        loss = tf.reduce_mean((slim(features["x"], True) - 1.0) ** 2)
        return est.EstimatorSpec(mode, loss=loss, train_op=minimize(Assigning(), loss, v1.train.get_global_step()))

    make(model_fn).train(input_fn, steps=1, strict=True)
