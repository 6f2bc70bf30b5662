"""Estimator.train: steps, resuming, updates, hooks, checkpoints, summaries."""

from __future__ import annotations

import argparse
import functools
import logging
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from steadynorm.tensorflow import estimator as est

v1 = tf.compat.v1


def global_step(estimator):
    return int(estimator.get_variable_value("global_step"))


def scalars(folder):
    found = {}
    for path in sorted(Path(folder).glob("events.*")):
        for event in v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                if value.HasField("simple_value"):
                    found.setdefault(value.tag, {})[event.step] = value.simple_value
    return found


class Count(v1.train.SessionRunHook):
    def __init__(self):
        self.steps = 0

    def after_run(self, run_context, run_values):
        self.steps += 1


def test_steps_are_those_of_the_call_and_max_steps_those_of_all(make, input_fn):
    estimator, count = make(), Count()
    assert estimator.train(input_fn, steps=7, hooks=[count]) is estimator
    assert (count.steps, global_step(estimator)) == (7, 7)
    estimator.train(input_fn, steps=4)
    assert global_step(estimator) == 11
    estimator.train(input_fn, max_steps=13)
    assert global_step(estimator) == 13
    again = Count()
    estimator.train(input_fn, max_steps=13, hooks=[again])
    assert (again.steps, global_step(estimator)) == (0, 13)


def test_training_ends_with_the_inputs(make, once):
    estimator = make()
    estimator.train(once)
    assert global_step(estimator) == 4


def test_two_trainings_do_what_one_does(make, input_fn):
    one, two = make(folder="one"), make(folder="two")
    one.train(input_fn, steps=10)
    two.train(input_fn, steps=6)
    make(folder="two").train(input_fn, steps=4)
    for name in one.get_variable_names():
        np.testing.assert_allclose(two.get_variable_value(name), one.get_variable_value(name), rtol=1e-6)


@pytest.mark.parametrize("forgotten", [True, False])
def test_updates_run_also_when_the_model_forgets_them(make, input_fn, data, caplog, forgotten):
    estimator = make(params={"updates": not forgotten})
    with caplog.at_level(logging.WARNING, logger="steadynorm"):
        estimator.train(input_fn, steps=6)
    # By hand: the batch is always the same, so 1 − 0.9⁶ of its mean has come in.
    share = 1 - 0.9**6
    np.testing.assert_allclose(estimator.get_variable_value("bn/moving_mean"), share * data[0].mean(0), rtol=1e-4)
    variance = share * data[0].var(0) + (1 - share)
    np.testing.assert_allclose(estimator.get_variable_value("bn/moving_variance"), variance, rtol=1e-4)
    said = [r.getMessage() for r in caplog.records if "attached" in r.getMessage()]
    assert len(said) == (1 if forgotten else 0)
    if forgotten:
        assert "does not run 2 update ops" in said[0]
        assert "bn/AssignSub" in said[0]


@pytest.mark.parametrize("where", ["estimator", "call"])
def test_strict_raises_where_updates_are_forgotten(make, input_fn, where):
    of_estimator, of_call = ({"strict": True}, {}) if where == "estimator" else ({}, {"strict": True})
    with pytest.raises(ValueError, match=r"does not run 2 update ops .*create_train_op"):
        make(params={"updates": False}, **of_estimator).train(input_fn, steps=1, **of_call)
    make(folder="healthy", params={"updates": True}, **of_estimator).train(input_fn, steps=1, **of_call)


@pytest.mark.parametrize("counts", ["minimize", "grouped", "in a branch", None])
def test_a_train_op_that_counts_no_steps_is_pointed_out(make, once, counts, caplog):
    def model(features, labels, mode):
        kernel = v1.get_variable("kernel", [2, 1], initializer=v1.zeros_initializer())
        loss = v1.losses.mean_squared_error(labels[:, None], tf.matmul(features["x"], kernel))
        step = v1.train.get_global_step()
        train_op = v1.train.GradientDescentOptimizer(0.01).minimize(loss, step if counts == "minimize" else None)
        if counts == "grouped":
            train_op = tf.group(train_op, v1.assign_add(step, 1))
        if counts == "in a branch":
            finite = tf.math.is_finite(loss)
            train_op = tf.group(train_op, tf.cond(finite, lambda: v1.assign_add(step, 1), lambda: tf.identity(step)))
        return est.EstimatorSpec(mode, loss=loss, train_op=train_op)

    estimator = make(model)
    estimator.train(once)
    # The step that finds the inputs at their end may still count.
    assert global_step(estimator) in ((4, 5) if counts else (0,))
    assert ("does not increment the global step global_step" in caplog.text) == (counts is None)
    if counts is None:
        with pytest.raises(ValueError, match="does not increment the global step"):
            estimator.train(once, strict=True)
    else:
        estimator.train(once, strict=True)


def test_checkpoints_every_n_steps_the_last_ones_kept(make, input_fn, tmp_path):
    config = est.RunConfig(save_checkpoints_steps=3, keep_checkpoint_max=2, save_summary_steps=None)
    estimator = make(config=config)
    estimator.train(input_fn, steps=10)
    kept = sorted(path.name for path in (tmp_path / "model").glob("model.ckpt-*.index"))
    assert kept == ["model.ckpt-10.index", "model.ckpt-9.index"]
    assert Path(estimator.latest_checkpoint()).name == "model.ckpt-10"
    # Paths are relative, so that the folder can be moved.
    (tmp_path / "model").rename(tmp_path / "moved")
    moved = make(folder="moved")
    assert moved.latest_checkpoint() == str(tmp_path / "moved" / "model.ckpt-10")
    moved.train(input_fn, steps=1)
    assert global_step(moved) == 11


def test_checkpoints_every_second(make, input_fn, tmp_path):
    class Slow(v1.train.SessionRunHook):
        def before_run(self, run_context):
            import time

            time.sleep(0.4)

    make(config=est.RunConfig(save_checkpoints_secs=1, keep_checkpoint_max=0)).train(input_fn, steps=8, hooks=[Slow()])
    assert len(list((tmp_path / "model").glob("model.ckpt-*.index"))) >= 4


def test_summaries_of_the_loss_the_speed_and_the_model(make, model, input_fn):
    def with_summary(features, labels, mode, params):
        spec = model(features, labels, mode, params)
        v1.summary.scalar("twice", 2 * spec.loss)
        return spec

    config = est.RunConfig(save_checkpoints_steps=10, save_summary_steps=2, log_step_count_steps=2)
    estimator = make(with_summary, config=config, params={"updates": True})
    estimator.train(input_fn, steps=8)
    found = scalars(estimator.model_dir)
    assert {"loss", "twice", "global_step/sec"} <= set(found)
    assert len(found["loss"]) >= 4
    for step, loss in found["loss"].items():
        assert found["twice"][step] == pytest.approx(2 * loss, rel=1e-6)


@pytest.mark.parametrize(("steps", "written"), [(0, False), (None, False), (1, True)])
def test_summaries_are_turned_off(make, input_fn, steps, written):
    estimator = make(config=est.RunConfig(save_summary_steps=steps, log_step_count_steps=None))
    assert estimator.config.save_summary_steps == steps
    estimator.train(input_fn, steps=2)
    assert ("loss" in scalars(estimator.model_dir)) == written


def test_a_model_s_own_summary_of_the_loss_is_the_only_one(make, model, input_fn):
    def with_summary(features, labels, mode, params):
        spec = model(features, labels, mode, params)
        v1.summary.scalar("loss", spec.loss)
        return spec

    estimator = make(with_summary, params={"updates": True})
    estimator.train(input_fn, steps=2)
    assert [tag for tag in scalars(estimator.model_dir) if tag.startswith("loss")] == ["loss"]


def test_hooks_of_the_model_and_listeners(make, model, input_fn):
    calls = []
    in_model, chief = Count(), Count()

    class Listener(v1.train.CheckpointSaverListener):
        def after_save(self, session, global_step_value):
            calls.append(int(global_step_value))

    def with_hooks(features, labels, mode, params):
        spec = model(features, labels, mode, params)
        return spec._replace(training_hooks=(in_model,), training_chief_hooks=(chief,))

    make(with_hooks, params={"updates": True}).train(input_fn, steps=7, saving_listeners=[Listener()])
    assert (in_model.steps, chief.steps) == (7, 7)
    # At the beginning, at the first step from which 5 have gone, and at the end.
    assert calls[0] == 0
    assert calls[-1] == 7


def test_the_user_s_saver_hook_saves_alone(make, input_fn, tmp_path):
    calls = []

    class Listener(v1.train.CheckpointSaverListener):
        def after_save(self, session, global_step_value):
            calls.append(int(global_step_value))

    own = v1.train.CheckpointSaverHook(str(tmp_path / "model"), save_steps=100)
    make().train(input_fn, steps=7, hooks=[own], saving_listeners=[Listener()])
    assert calls == [0, 7]


def test_listeners_leave_the_user_s_saver_hook_after_the_training(make, input_fn, tmp_path):
    calls = []

    class Listener(v1.train.CheckpointSaverListener):
        def __init__(self, name):
            self.name = name

        def end(self, session, global_step_value):
            calls.append(self.name)

    listeners = [Listener("own")]
    own = v1.train.CheckpointSaverHook(str(tmp_path / "model"), save_steps=100, listeners=listeners)
    for _ in range(2):
        make().train(input_fn, steps=1, hooks=[own], saving_listeners=[Listener("added")])
    assert calls == ["own", "added", "own", "added"]
    make().train(input_fn, steps=1, hooks=[own])
    assert calls[4:] == ["own"]
    assert len(listeners) == 1


def test_the_model_s_scaffold_initializes(make, model, input_fn):
    def with_scaffold(features, labels, mode, params):
        spec = model(features, labels, mode, params)
        kernel = next(v for v in v1.trainable_variables() if v.op.name == "dense/kernel")
        given = v1.placeholder(tf.float32, kernel.shape)
        load = v1.assign(kernel, given)

        def init_fn(scaffold, session):
            session.run(load, {given: [[5.0], [6.0]]})

        return spec._replace(scaffold=v1.train.Scaffold(init_fn=init_fn))

    estimator = make(with_scaffold, params={"updates": True, "learning_rate": 0.0})
    estimator.train(input_fn, steps=1)
    np.testing.assert_array_equal(estimator.get_variable_value("dense/kernel"), [[5], [6]])


def test_reference_variables_train_as_well(make, model, input_fn, data):
    def with_references(features, labels, mode, params):
        v1.get_variable_scope().set_use_resource(False)
        spec = model(features, labels, mode, params)
        assert {v.op.type for v in v1.trainable_variables()} == {"VariableV2"}
        return spec

    estimator = make(with_references, params={"updates": False})
    estimator.train(input_fn, steps=6)
    mean = (1 - 0.9**6) * data[0].mean(0)
    np.testing.assert_allclose(estimator.get_variable_value("bn/moving_mean"), mean, rtol=1e-4)


def test_nan_ends_the_training_before_it_is_saved(make, model, input_fn, data):
    good = list(range(6))

    def data_with_nan():
        y = np.stack([data[1] + (0 if step in good else np.nan) for step in range(9)])
        return tf.data.Dataset.from_tensor_slices(y).map(lambda labels: ({"x": data[0]}, labels))

    estimator = make(config=est.RunConfig(save_checkpoints_steps=1))
    with pytest.raises(est.NanLossError, match=r"the loss is NaN after \d steps"):
        estimator.train(data_with_nan)
    assert np.isfinite(estimator.get_variable_value("dense/kernel")).all()


def test_the_nan_error_is_the_one_of_tensorflow(make, input_fn):
    with pytest.raises(v1.train.NanLossDuringTrainingError):
        make(params={"updates": True, "learning_rate": 1e30}).train(input_fn, steps=20)


def test_the_seed_of_the_configuration_makes_runs_equal(make, tmp_path, data):
    def random_model(features, labels, mode):
        kernel = v1.get_variable("kernel", [2, 1], initializer=v1.random_normal_initializer())
        loss = v1.losses.mean_squared_error(labels[:, None], tf.matmul(features, kernel))
        train_op = v1.train.GradientDescentOptimizer(0.01).minimize(loss, v1.train.get_global_step())
        return est.EstimatorSpec(mode, loss=loss, train_op=train_op)

    def kernel(folder, seed):
        estimator = make(random_model, folder, config=est.RunConfig(tf_random_seed=seed))
        estimator.train(lambda: (tf.constant(data[0]), tf.constant(data[1])), steps=1)
        return estimator.get_variable_value("kernel")

    np.testing.assert_array_equal(kernel("a", 3), kernel("b", 3))
    assert not np.array_equal(kernel("a", 3), kernel("c", 4))


def minimal(features, labels):
    kernel = v1.get_variable("kernel", [2, 1], initializer=v1.zeros_initializer())
    loss = v1.losses.mean_squared_error(labels[:, None], tf.matmul(features, kernel))
    return loss, v1.train.GradientDescentOptimizer(0.01).minimize(loss, v1.train.get_global_step())


def takes_three(features, labels, mode):
    loss, train_op = minimal(features, labels)
    return est.EstimatorSpec(mode, loss=loss, train_op=train_op)


def takes_all(features, labels, mode, params, config):
    assert params == {"a": 1}
    assert config.save_checkpoints_steps == 5
    return takes_three(features, labels, mode)


def takes_keywords_only(*, labels, features, mode):
    return takes_three(features, labels, mode)


class CallableModel:
    def __call__(self, features, labels, mode):
        return takes_three(features, labels, mode)

    def method(self, features, labels, mode):
        return takes_three(features, labels, mode)


def takes_more(features, labels, mode, extra):
    assert extra == 1
    return takes_three(features, labels, mode)


@pytest.mark.parametrize(
    ("function", "params"),
    [
        (takes_three, None),
        (takes_all, {"a": 1}),
        (takes_keywords_only, None),
        (CallableModel(), None),
        (CallableModel().method, None),
        (functools.partial(takes_more, extra=1), None),
    ],
)
def test_model_fns_get_what_they_name(make, data, function, params):
    estimator = make(function, params=params)
    estimator.train(lambda: (tf.constant(data[0]), tf.constant(data[1])), steps=2)
    assert global_step(estimator) == 2


def test_input_fns_get_what_they_name(make, data):
    seen = {}

    def input_fn(params, mode, config):
        seen.update(params=params, mode=mode, config=config)
        return tf.data.Dataset.from_tensors(data)

    estimator = make(takes_all, params={"a": 1})
    estimator.train(input_fn)
    assert seen == {"params": {"a": 1}, "mode": "train", "config": estimator.config}


def test_the_inputs_take_no_names_from_the_variables(make):
    def model(features, labels, mode):
        names = ("count", "batch_size", "seed", "buffer_size", "TensorDataset", "IteratorV2", "MakeIterator")
        total = sum(v1.get_variable(name, [], initializer=v1.zeros_initializer()) for name in names)
        train_op = v1.train.GradientDescentOptimizer(0.1).minimize(total, v1.train.get_global_step())
        return est.EstimatorSpec(mode, loss=total * labels, train_op=train_op)

    estimator = make(model)
    estimator.train(lambda: tf.data.Dataset.from_tensors((1.0, 1.0)).shuffle(2, seed=1).repeat(3))
    assert {"count", "seed", "TensorDataset"} <= set(estimator.get_variable_names())
    assert not [name for name in estimator.get_variable_names() if name.endswith("_1")]


def test_queues_feed_as_well(make, data):
    def input_fn():
        x, y = v1.train.slice_input_producer([data[0], data[1]], shuffle=False, num_epochs=1)
        return v1.train.batch([x, y], 8)

    estimator = make(takes_three)
    estimator.train(input_fn)
    assert global_step(estimator) == 4


def test_a_params_change_within_the_model_stays_there(make, data):
    def greedy(features, labels, mode, params):
        params.clear()
        return takes_three(features, labels, mode)

    estimator = make(greedy, params={"a": [1]})
    estimator.train(lambda: (tf.constant(data[0]), tf.constant(data[1])), steps=1)
    assert estimator.params == {"a": [1]}


def test_params_may_be_an_object(make, data):
    def greedy(features, labels, mode, params):
        assert params.sizes.pop() == 2
        return takes_three(features, labels, mode)

    def input_fn(params):
        assert params.sizes.pop() == 2
        return tf.constant(data[0]), tf.constant(data[1])

    given = argparse.Namespace(sizes=[1, 2])
    estimator = make(greedy, params=given)
    given.sizes.clear()
    estimator.train(input_fn, steps=1)
    assert estimator.params == argparse.Namespace(sizes=[1, 2])
