"""What is refused, and what the messages say."""

from __future__ import annotations

import argparse
import contextlib
import functools

import numpy as np
import pytest
import tensorflow as tf

from steadynorm.tensorflow import estimator as est

v1 = tf.compat.v1
MODES = est.ModeKeys


def pair():
    return tf.data.Dataset.from_tensors((np.ones((4, 2), np.float32), np.ones(4, np.float32)))


def parts():
    loss = v1.get_variable("w", [], initializer=v1.ones_initializer()) ** 2
    return loss, v1.train.GradientDescentOptimizer(0.1).minimize(loss, v1.train.get_or_create_global_step())


@pytest.mark.parametrize(
    ("function", "params", "message"),
    [
        (lambda labels, mode: None, None, "expected an argument named 'features'"),
        (lambda features, mode: None, {"a": 1}, "expected an argument named 'params'"),
        (lambda features, mode: None, argparse.Namespace(a=1), "expected an argument named 'params'"),
        (lambda features, mode, is_training: None, None, r"takes \['is_training'\], which an Estimator does not give"),
    ],
)
def test_model_fns_that_could_not_be_called(function, params, message):
    with pytest.raises(ValueError, match=message):
        est.Estimator(function, "unused", params=params)


def test_arguments_of_the_estimator(tmp_path):
    model = lambda features, params: None  # noqa: E731
    with pytest.raises(TypeError, match="model_fn is 3"):
        est.Estimator(3, tmp_path)
    for params in (dict, "learning_rate=0.1", argparse.Namespace):
        with pytest.raises(TypeError, match=r"params is .*; expected a dict or an object that holds the parameters"):
            est.Estimator(model, tmp_path, params=params)
    with pytest.raises(TypeError, match="expected a RunConfig"):
        est.Estimator(model, tmp_path, config={"model_dir": "a"})
    with pytest.raises(ValueError, match="expected the same: give it once"):
        est.Estimator(model, "a", config=est.RunConfig(model_dir="b"))
    assert est.Estimator(model, config=est.RunConfig(model_dir=tmp_path)).model_dir == str(tmp_path)


def test_no_model_dir_is_a_temporary_one(caplog):
    estimator = est.Estimator(lambda features: None)
    assert "no model_dir" in caplog.text
    assert estimator.model_dir in caplog.text
    assert estimator.latest_checkpoint() is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 1, "max_steps": 1}, "both steps and max_steps are given"),
        ({"steps": 0}, "steps is 0"),
        ({"max_steps": -1}, "max_steps is -1"),
        ({"hooks": [v1.train.SessionRunHook]}, "pass the object, not the class"),
        ({"saving_listeners": [1]}, r"saving_listeners holds 1"),
    ],
)
def test_arguments_of_train(make, options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make().train(pair, **options)


@pytest.mark.parametrize(
    ("input_fn", "message"),
    [
        (lambda: None, "returns None; .* is a return missing"),
        (lambda: (1, 2, 3), r"returns 3 parts; expected \(features, labels\)"),
        (lambda path: None, r"takes \['path'\], which an Estimator does not give"),
        (pair(), "input_fn is .*write lambda"),
    ],
)
def test_input_fns(make, input_fn, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make().train(input_fn)


def test_a_dataset_from_outside(make):
    dataset = pair()
    with pytest.raises(ValueError, match=r"expected a dataset made inside input_fn: move the calls of tf.data into it"):
        make().train(lambda: dataset)


def test_labels_that_the_model_does_not_take(make):
    def model(features, mode):
        loss, train_op = parts()
        return est.EstimatorSpec(mode, loss=loss, train_op=train_op)

    with pytest.raises(ValueError, match="input_fn gives labels, but model_fn"):
        make(model).train(pair)
    make(model).train(lambda: pair().map(lambda x, y: x), steps=1)


def test_labels_that_are_missing(make):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever the model raises
        make().train(lambda: pair().map(lambda x, y: x))
    assert any("called with labels=None in mode 'train'" in note for note in caught.value.__notes__)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda mode, loss, op: None, "returned None; expected an EstimatorSpec"),
        (lambda mode, loss, op: (loss, op), "expected an EstimatorSpec"),
        (lambda mode, loss, op: est.EstimatorSpec(MODES.EVAL, loss=loss), "in mode 'train' .* for 'eval'"),
        (lambda mode, loss, op: est.EstimatorSpec("training", loss=loss, train_op=op), "mode is 'training'"),
        (lambda mode, loss, op: est.EstimatorSpec(mode, loss=loss), "has no train_op"),
        (lambda mode, loss, op: est.EstimatorSpec(mode, train_op=op), "has no loss"),
        (lambda mode, loss, op: est.EstimatorSpec(mode), "has no loss and no train_op"),
        (lambda mode, loss, op: est.EstimatorSpec(MODES.PREDICT), "has no predictions"),
        (lambda mode, loss, op: est.EstimatorSpec(MODES.EVAL), "has no loss"),
        (
            lambda mode, loss, op: est.EstimatorSpec(mode, loss=tf.zeros([3]), train_op=op),
            r"shape \(3,\); expected a s",
        ),
        (lambda mode, loss, op: est.EstimatorSpec(mode, loss=loss, train_op=parts), "train_op is <function"),
        (lambda mode, loss, op: est.EstimatorSpec(mode, loss=loss, train_op=op, predictions={}), "empty dict"),
        (
            lambda mode, loss, op: est.EstimatorSpec(mode, loss=loss, train_op=op, predictions={"a": 1}),
            "expected a tensor",
        ),
        (lambda mode, loss, op: est.EstimatorSpec(mode, loss=loss, train_op=op, scaffold=1), "scaffold is 1"),
        (
            lambda mode, loss, op: est.EstimatorSpec(mode, loss=loss, train_op=op, training_hooks=[1]),
            "training_hooks holds",
        ),
        (
            lambda mode, loss, op: est.EstimatorSpec(MODES.EVAL, loss=loss, eval_metric_ops={"a": loss}),
            "as tf.compat.v1",
        ),
        (
            lambda mode, loss, op: est.EstimatorSpec(MODES.EVAL, loss=loss, eval_metric_ops={"a": (1, 2)}),
            "tensors or ops",
        ),
        (
            lambda mode, loss, op: est.EstimatorSpec(MODES.EVAL, loss=loss, eval_metric_ops={"loss": (loss, op)}),
            "'loss', which every evaluation already writes",
        ),
        (
            lambda mode, loss, op: est.EstimatorSpec(mode, loss=loss, train_op=op, export_outputs={"a": loss}),
            "wrap the tensors in one",
        ),
        (
            lambda mode, loss, op: est.EstimatorSpec(
                mode,
                loss=loss,
                train_op=op,
                export_outputs={name: est.export.PredictOutput(loss) for name in "ab"},
            ),
            "and no default",
        ),
    ],
)
def test_what_model_fns_return(make, returned, message):
    def model(features, labels, mode):
        return returned(mode, *parts())

    with pytest.raises((ValueError, TypeError), match=message):
        make(model).train(pair, steps=1)


def test_tensors_of_another_graph(make):
    with tf.Graph().as_default():
        foreign = tf.zeros([])

    def model(features, labels, mode):
        return est.EstimatorSpec(mode, loss=foreign, train_op=parts()[1])

    with pytest.raises(ValueError, match="belongs to another graph than the one that the Estimator builds"):
        make(model).train(pair, steps=1)


def test_a_spec_is_healthy():
    with tf.Graph().as_default():
        loss, train_op = parts()
        spec = est.EstimatorSpec(MODES.TRAIN, loss=loss[None], train_op=train_op)
        assert spec.loss.shape == []
        assert spec.eval_metric_ops == {}
        assert spec.training_hooks == ()
        predicting = est.EstimatorSpec(MODES.PREDICT, predictions={"a": loss})
        assert list(predicting.export_outputs) == ["serving_default"]
        named = est.EstimatorSpec(MODES.PREDICT, loss, export_outputs={"x": est.export.PredictOutput(loss)})
        assert set(named.export_outputs) == {"serving_default", "x"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"save_checkpoints_steps": 1, "save_checkpoints_secs": 1}, "expected one of them"),
        ({"save_checkpoints_steps": 0}, "save_checkpoints_steps is 0"),
        ({"save_summary_steps": 1.5}, "save_summary_steps is 1.5"),
        ({"keep_checkpoint_max": -1}, "keep_checkpoint_max is -1"),
        ({"keep_checkpoint_every_n_hours": 0}, "expected hours over 0"),
        ({"session_config": {}}, "expected a tf.compat.v1.ConfigProto"),
        ({"device_fn": "/cpu:0"}, "expected a function from an op"),
        ({"save_summary_steps": -1}, "save_summary_steps is -1"),
        ({"save_summary_steps": False}, "save_summary_steps is False"),
        ({"session_creation_timeout_secs": 0}, "session_creation_timeout_secs is 0"),
        ({"train_distribute": tf.distribute.OneDeviceStrategy("/cpu:0")}, "train_distribute is .*leave the strategy"),
        ({"eval_distribute": tf.distribute.OneDeviceStrategy("/cpu:0")}, "eval_distribute is .*leave the strategy"),
        (
            {"experimental_distribute": (tf.distribute.OneDeviceStrategy("/cpu:0"), None, None)},
            "experimental_distribute is .*leave the strategy",
        ),
    ],
)
def test_configurations(options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        est.RunConfig(**options)


def test_configurations_for_several_machines_are_taken_without_a_strategy():
    defaults = {
        "train_distribute": None,
        "eval_distribute": None,
        "protocol": None,
        "session_creation_timeout_secs": 7200,
        "device_fn": None,
        "experimental_distribute": None,
        "experimental_max_worker_delay_secs": None,
    }
    for config in (est.RunConfig(), est.RunConfig(**defaults)):
        assert {name: getattr(config, name) for name in defaults} == defaults
    given = {
        "protocol": "grpc",
        "experimental_max_worker_delay_secs": 5,
        "train_distribute": tf.distribute.get_strategy(),
    }
    config = est.RunConfig(experimental_distribute=(None, None, None), **given).replace(tf_random_seed=1)
    assert {name: getattr(config, name) for name in given} == given


def test_configurations_are_replaced():
    default = est.RunConfig()
    assert (default.save_checkpoints_secs, default.save_checkpoints_steps) == (600, None)
    assert (default.is_chief, default.num_worker_replicas, default.task_type) == (True, 1, "worker")
    assert default.cluster_spec.as_dict() == {}
    by_steps = default.replace(save_checkpoints_steps=7, tf_random_seed=3)
    assert (by_steps.save_checkpoints_secs, by_steps.save_checkpoints_steps) == (None, 7)
    assert by_steps.replace(save_checkpoints_secs=9).save_checkpoints_steps is None
    assert by_steps.replace(model_dir="a").save_checkpoints_steps == 7
    assert (
        est.RunConfig(save_checkpoints_steps=np.int64(3), keep_checkpoint_max=np.int32(2)).save_checkpoints_steps == 3
    )
    assert est.RunConfig(save_checkpoints_secs=0.5).save_checkpoints_secs == 0.5
    never = est.RunConfig(save_checkpoints_secs=None)
    assert (never.save_checkpoints_secs, never.save_checkpoints_steps) == (None, None)


def test_devices(make):
    seen = []

    def device(op):
        seen.append(op.name)
        return "/cpu:0"

    def model(features, labels, mode):
        loss, train_op = parts()
        assert loss.device == "/cpu:0"
        return est.EstimatorSpec(mode, loss=loss, train_op=train_op)

    make(model, config=est.RunConfig(device_fn=device)).train(pair, steps=1)
    assert "w" in seen


def test_variables_of_the_last_checkpoint(make, input_fn):
    estimator = make()
    with pytest.raises(est.NoCheckpointError, match="call train first"):
        estimator.get_variable_names()
    estimator.train(input_fn, steps=1)
    assert "bn/gamma" in estimator.get_variable_names()
    with pytest.raises(ValueError, match="has no variable 'bn/gama'"):
        estimator.get_variable_value("bn/gama")


def test_arrays_as_inputs(data):
    def batches(**options):
        with tf.Graph().as_default(), v1.Session() as session:
            dataset = est.inputs.numpy_input_fn({"x": data[0]}, data[1], batch_size=20, **options)()
            element = v1.data.make_one_shot_iterator(dataset).get_next()
            with contextlib.suppress(tf.errors.OutOfRangeError):
                found = []
                while True:
                    found.append(session.run(element))
            return found

    ordered = batches(shuffle=False)
    assert [len(y) for _, y in ordered] == [20, 12]
    np.testing.assert_array_equal(np.concatenate([x["x"] for x, _ in ordered]), data[0])
    shuffled = batches(shuffle=True, num_epochs=2)
    assert [len(y) for _, y in shuffled] == [20, 20, 20, 4]
    labels = np.concatenate([y for _, y in shuffled])
    np.testing.assert_allclose(np.sort(labels), np.sort(np.tile(data[1], 2)))
    assert not np.array_equal(labels[:32], data[1])
    with pytest.raises(ValueError, match="shuffle is None"):
        est.inputs.numpy_input_fn(data[0])
    with pytest.raises(ValueError, match=r"the arrays have \[31, 32\] examples"):
        est.inputs.numpy_input_fn(data[0], data[1][1:], shuffle=False)


def test_partial_functions_are_named(make):
    def broken(features, labels, mode, more):
        return more

    with pytest.raises(TypeError, match=r"broken \(.*test_estimator_errors.py:\d+\) returned 3"):
        make(functools.partial(broken, more=3)).train(pair)
