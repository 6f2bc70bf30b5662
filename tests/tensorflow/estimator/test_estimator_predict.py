"""Estimator.predict: examples, batches, keys, and a graph that stays out of the caller's."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from steadynorm.tensorflow import estimator as est

v1 = tf.compat.v1


@pytest.fixture
def trained(make_trained):
    return make_trained(10)


@pytest.fixture
def expected(trained, data):
    """The model by hand."""
    value = trained.get_variable_value
    normalized = (data[0] - value("bn/moving_mean")) / np.sqrt(value("bn/moving_variance") + 1e-3)
    return ((normalized * value("bn/gamma") + value("bn/beta")) @ value("dense/kernel"))[:, 0]


def test_examples_one_by_one(trained, once, expected):
    examples = list(trained.predict(once))
    assert all(set(example) == {"y", "doubled"} for example in examples)
    np.testing.assert_allclose([example["y"] for example in examples], expected, rtol=1e-4, atol=1e-5)


def test_batches_of_one_give_what_large_batches_give(trained, data, expected):
    single = trained.predict(lambda: tf.data.Dataset.from_tensor_slices(data[0]).batch(1))
    np.testing.assert_allclose([example["y"] for example in single], expected, rtol=1e-4, atol=1e-5)


def test_batches_as_they_are(trained, once, expected):
    batches = list(trained.predict(once, yield_single_examples=False))
    assert [len(batch["y"]) for batch in batches] == [10, 10, 10, 2]
    np.testing.assert_allclose(np.concatenate([b["doubled"] for b in batches]), 2 * expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("keys", ["y", ["y"]])
def test_keys(trained, once, keys):
    assert set(next(trained.predict(once, predict_keys=keys))) == {"y"}


def test_unknown_keys(trained, once):
    with pytest.raises(ValueError, match=r"names \['z'\], which the model does not predict; expected some of"):
        next(trained.predict(once, predict_keys=["y", "z"]))


def test_a_single_tensor(make, model, trained, once, expected):
    def single(features, labels, mode, params):
        spec = model(features, labels, mode, params)
        return est.EstimatorSpec(mode, predictions=spec.predictions["y"])

    estimator = make(single, params={})
    np.testing.assert_allclose(list(estimator.predict(once)), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="the model predicts a single tensor"):
        next(estimator.predict(once, predict_keys=["y"]))


def test_an_earlier_checkpoint(trained, once, tmp_path):
    early = str(tmp_path / "model" / "model.ckpt-0")
    np.testing.assert_array_equal([e["y"] for e in trained.predict(once, checkpoint_path=early)], np.zeros(32))


def test_the_caller_s_graph_stays_the_default_one(trained, once):
    eagerly = tf.executing_eagerly()
    predictions = trained.predict(once)
    with tf.Graph().as_default() as own:
        next(predictions)
        assert v1.get_default_graph() is own
    next(predictions)
    assert tf.executing_eagerly() == eagerly
    assert len(list(predictions)) == 30


def test_two_predictions_at_once(trained, once):
    pairs = list(zip(trained.predict(once), trained.predict(once), strict=True))
    assert len(pairs) == 32
    assert all(one["y"] == other["y"] for one, other in pairs)


def test_hooks_see_the_end_also_when_the_caller_stops(trained, once):
    ended = []

    class Ends(v1.train.SessionRunHook):
        def end(self, session):
            ended.append(session)

    predictions = trained.predict(once, hooks=[Ends()])
    next(predictions)
    predictions.close()
    list(trained.predict(once, hooks=[Ends()]))
    assert len(ended) == 2


def test_the_model_s_hooks(make, model, trained, once):
    runs = []

    class Count(v1.train.SessionRunHook):
        def after_run(self, run_context, run_values):
            runs.append(1)

    def with_hooks(features, labels, mode, params):
        return model(features, labels, mode, params)._replace(prediction_hooks=[Count()])

    list(make(with_hooks, params={}).predict(once))
    assert len(runs) == 4


def test_constant_inputs_repeat_and_are_warned_of(trained, data, caplog):
    predictions = trained.predict(lambda: tf.constant(data[0][:2]))
    values = [next(predictions)["y"] for _ in range(4)]
    predictions.close()
    assert values[:2] == values[2:]
    assert "repeat for ever" in caplog.text


def test_predictions_of_different_lengths(make, model, trained, once):
    def uneven(features, labels, mode, params):
        spec = model(features, labels, mode, params)
        return est.EstimatorSpec(mode, predictions={"y": spec.predictions["y"], "mean": spec.predictions["y"][:1]})

    estimator = make(uneven, params={})
    with pytest.raises(ValueError, match=r"\{'y': 10, 'mean': 1\} examples"):
        list(estimator.predict(once))
    assert len(list(estimator.predict(once, yield_single_examples=False))) == 4


def test_errors_of_the_data_arrive(trained, data):
    def broken():
        x = np.concatenate([data[0], np.full((1, 2), np.nan, np.float32)])
        return tf.data.Dataset.from_tensor_slices(x).map(lambda v: tf.debugging.check_numerics(v, "damaged")).batch(8)

    with pytest.raises(tf.errors.InvalidArgumentError, match="damaged"):
        list(trained.predict(broken))


def test_without_a_checkpoint_nothing_is_predicted(make, once):
    with pytest.raises(est.NoCheckpointError, match="call train first"):
        next(make().predict(once))
    with pytest.raises(est.NoCheckpointError, match=r"there is no checkpoint .*without \.index"):
        next(make().predict(once, checkpoint_path="nowhere/model.ckpt-1"))


def test_tensors_of_an_iterator_of_one_s_own_come_to_an_end_without_a_warning(trained, data, recwarn, caplog):
    def input_fn():
        dataset = tf.data.Dataset.from_tensors({"x": data[0]}).repeat(2)
        return v1.data.make_one_shot_iterator(dataset).get_next()

    assert len(list(trained.predict(input_fn))) == 2 * len(data[0])
    assert not recwarn.list
    assert not caplog.records
