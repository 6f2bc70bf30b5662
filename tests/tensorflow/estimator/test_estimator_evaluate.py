"""Estimator.evaluate: metrics against values computed by hand, summaries, and where the model comes from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from steadynorm.tensorflow import estimator as est

v1 = tf.compat.v1


def predicted(estimator, x, path=None):
    """The model by hand, from the values in the checkpoint."""
    value = tf.train.load_checkpoint(path or estimator.latest_checkpoint()).get_tensor
    normalized = (x - value("bn/moving_mean")) / np.sqrt(value("bn/moving_variance") + 1e-3)
    return ((normalized * value("bn/gamma") + value("bn/beta")) @ value("dense/kernel"))[:, 0]


def events(folder):
    for path in sorted(Path(folder).glob("events.*")):
        for event in v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                yield event.step, value


def test_metrics_over_all_data_are_those_by_hand(make_trained, once, data):
    estimator = make_trained(20)
    metrics = estimator.evaluate(once)
    x, y = data
    errors = predicted(estimator, x) - y
    assert metrics["error"] == pytest.approx(np.abs(errors).mean(), rel=1e-5)
    # The loss is averaged over batches, of 10, 10, 10 and 2 examples.
    batches = [np.square(errors[start : start + 10]).mean() for start in range(0, 32, 10)]
    assert metrics["loss"] == pytest.approx(np.mean(batches), rel=1e-5)
    assert metrics["global_step"] == 20
    assert set(metrics) == {"error", "loss", "global_step"}


def test_steps_limit_the_batches(make_trained, once, data):
    estimator = make_trained(20)
    x, y = data
    errors = np.abs(predicted(estimator, x) - y)
    assert estimator.evaluate(once, steps=2)["error"] == pytest.approx(errors[:20].mean(), rel=1e-5)
    assert estimator.evaluate(once, steps=99)["error"] == pytest.approx(errors.mean(), rel=1e-5)


def test_evaluation_moves_nothing(make_trained, once):
    estimator = make_trained(20)
    before = {name: estimator.get_variable_value(name) for name in estimator.get_variable_names()}
    first, second = estimator.evaluate(once), estimator.evaluate(once)
    assert first == second
    for name, value in before.items():
        np.testing.assert_array_equal(estimator.get_variable_value(name), value)


def test_an_earlier_checkpoint(make_trained, once, data, tmp_path):
    estimator = make_trained(20)
    early = str(tmp_path / "model" / "model.ckpt-5")
    metrics = estimator.evaluate(once, checkpoint_path=early)
    x, y = data
    assert metrics["global_step"] == 5
    assert metrics["error"] == pytest.approx(np.abs(predicted(estimator, x, early) - y).mean(), rel=1e-5)
    assert metrics["error"] > estimator.evaluate(once)["error"]


@pytest.mark.parametrize(("name", "folder"), [(None, "eval"), ("test", "eval_test")])
def test_summaries_for_tensorboard(make_trained, once, tmp_path, name, folder):
    estimator = make_trained(20)
    metrics = estimator.evaluate(once, name=name)
    assert estimator.eval_dir(name) == str(tmp_path / "model" / folder)
    written = {value.tag: (step, value) for step, value in events(tmp_path / "model" / folder)}
    for tag in ("loss", "error"):
        assert written[tag][0] == 20
        assert written[tag][1].simple_value == pytest.approx(metrics[tag])
    path = tf.make_ndarray(written["checkpoint_path"][1].tensor).item()
    assert path.decode() == estimator.latest_checkpoint()


def test_metrics_that_are_arrays_and_summaries(make, model, input_fn, once, caplog):
    def with_more(features, labels, mode, params):
        spec = model(features, labels, mode, params)
        if mode != est.ModeKeys.EVAL:
            return spec
        image = v1.summary.image("input", tf.zeros([1, 2, 2, 1]))
        matrix = v1.metrics.mean_tensor(tf.ensure_shape(tf.stack([labels[:2], labels[:2]]), [2, 2]))
        return spec._replace(eval_metric_ops={"image": (image, tf.no_op()), "matrix": matrix, **spec.eval_metric_ops})

    estimator = make(with_more, params={"updates": True})
    estimator.train(input_fn, steps=1)
    metrics = estimator.evaluate(once)
    assert metrics["matrix"].shape == (2, 2)
    written = {value.tag: value for _, value in events(estimator.eval_dir())}
    assert written["image/0"].image.width == 2
    np.testing.assert_allclose(tf.make_ndarray(written["matrix"].tensor), metrics["matrix"])
    assert not caplog.records


def test_hooks_of_the_user_and_of_the_model(make, model, input_fn, once):
    class Count(v1.train.SessionRunHook):
        steps = 0

        def after_run(self, run_context, run_values):
            self.steps += 1

    own, in_model = Count(), Count()

    def with_hooks(features, labels, mode, params):
        return model(features, labels, mode, params)._replace(evaluation_hooks=(in_model,))

    estimator = make(with_hooks, params={"updates": True})
    estimator.train(input_fn, steps=1)
    estimator.evaluate(once, hooks=[own])
    assert (own.steps, in_model.steps) == (4, 4)


def test_without_a_checkpoint_nothing_is_evaluated(make, once):
    with pytest.raises(est.NoCheckpointError, match=r"there is no trained model in .*call train first"):
        make().evaluate(once)


def test_a_model_that_starts_from_a_checkpoint_by_itself_is_evaluated(make, make_trained, model, once):
    trained = make_trained(20)

    def initialized(features, labels, mode, params):
        spec = model(features, labels, mode, params)
        names = {variable.op.name: variable for variable in v1.global_variables("bn|dense")}
        v1.train.init_from_checkpoint(trained.latest_checkpoint(), names)
        return spec

    metrics = make(initialized, "untrained", params={}).evaluate(once)
    assert metrics["error"] == pytest.approx(trained.evaluate(once)["error"], rel=1e-6)
    assert metrics["global_step"] == 0


def test_a_checkpoint_of_another_model_is_refused_by_name(make, make_trained, model, norm, input_fn, once):
    make_trained(20)

    def with_more(features, labels, mode, params):
        norm(features["x"], False, scope="bn2")
        return model(features, labels, mode, params)

    message = r"lacks 4 variables of the model: bn2/gamma, bn2/beta, bn2/moving_mean and bn2/moving_variance; expected"
    for run in (lambda e: e.evaluate(once), lambda e: e.train(input_fn, steps=1), lambda e: next(e.predict(once))):
        with pytest.raises(ValueError, match=message):
            run(make(with_more, params={}))


def test_a_checkpoint_of_another_size_is_refused_by_name(make, make_trained):
    make_trained(20)
    wide = lambda: tf.data.Dataset.from_tensors((np.ones((4, 3), np.float32), np.ones(4, np.float32)))  # noqa: E731
    with pytest.raises(ValueError, match=r"5 variables of another shape: .*bn/gamma is \(3,\) in the model and \(2,\)"):
        make().evaluate(wide)


def test_no_data_is_an_error(make_trained, data):
    estimator = make_trained(20)
    empty = lambda: tf.data.Dataset.from_tensors(data).take(0)  # noqa: E731
    with pytest.raises(ValueError, match="the inputs of the evaluation end before the first batch"):
        estimator.evaluate(empty)
