"""Warm starts take the moving statistics along."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from steadynorm.tensorflow import batch_norm
from steadynorm.tensorflow import estimator as est

v1 = tf.compat.v1
STATISTICS = ("bn/moving_mean", "bn/moving_variance")


@pytest.fixture
def source(make_trained):
    return make_trained(20, "source")


@pytest.fixture
def start(make, input_fn):
    """The variables of a model before its first step, warm-started."""

    def variables(warm_start_from, function=None, **options):
        options.setdefault("params", {"updates": True, "learning_rate": 0.0})
        estimator = make(*([function] if function else []), folder="target", warm_start_from=warm_start_from, **options)
        estimator.train(input_fn, steps=1)
        first = tf.train.load_checkpoint(f"{estimator.model_dir}/model.ckpt-0")
        return {name: first.get_tensor(name) for name in first.get_variable_to_shape_map()}

    return variables


def values(estimator, names):
    return {name: estimator.get_variable_value(name) for name in names}


def test_everything_by_default(source, start):
    found = start(source.latest_checkpoint())
    for name, value in values(source, ("dense/kernel", "bn/gamma", "bn/beta", *STATISTICS)).items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
        assert not np.allclose(value, 0)
    assert found["global_step"] == 0


@pytest.mark.parametrize("kind", ["folder", "saved_model"])
def test_from_a_folder_or_a_saved_model(source, start, tmp_path, kind):
    def receiver():
        x = v1.placeholder(tf.float32, [None, 2])
        return est.export.TensorServingInputReceiver(x, x)

    path = source.model_dir if kind == "folder" else source.export_saved_model(tmp_path / "export", receiver)
    np.testing.assert_array_equal(start(path)["bn/moving_mean"], source.get_variable_value("bn/moving_mean"))


@pytest.mark.parametrize("selection", ["dense", ["dense"]])
def test_other_layers_stay_out(source, start, selection):
    found = start(est.WarmStartSettings(source.latest_checkpoint(), selection))
    np.testing.assert_array_equal(found["dense/kernel"], source.get_variable_value("dense/kernel"))
    np.testing.assert_array_equal(found["bn/moving_mean"], [0, 0])
    np.testing.assert_array_equal(found["bn/gamma"], [1, 1])


@pytest.mark.parametrize("selection", [".*gamma", ["bn/gamma"]])
def test_the_statistics_follow_gamma(source, start, selection, caplog):
    with caplog.at_level("INFO", logger="steadynorm"):
        found = start(est.WarmStartSettings(source.latest_checkpoint(), selection))
    for name in STATISTICS:
        np.testing.assert_array_equal(found[name], source.get_variable_value(name))
    np.testing.assert_array_equal(found["bn/beta"], [0, 0])
    assert "['bn/moving_mean', 'bn/moving_variance']" in caplog.text


def test_by_other_names(source, start, norm, input_fn):
    def renamed(features, labels, mode):
        hidden = norm(features["x"], mode == est.ModeKeys.TRAIN, scope="tower/norm1")
        loss = v1.losses.mean_squared_error(labels, tf.reduce_sum(hidden, 1))
        train_op = v1.train.GradientDescentOptimizer(0.0).minimize(loss, v1.train.get_global_step())
        return est.EstimatorSpec(mode, loss=loss, train_op=train_op)

    names = {"tower/norm1/gamma": "bn/gamma", "tower/norm1/beta": "bn/beta"}
    settings = est.WarmStartSettings(source.latest_checkpoint(), var_name_to_prev_var_name=names)
    found = start(settings, renamed, params=None)
    for name in ("gamma", "beta", "moving_mean", "moving_variance"):
        np.testing.assert_array_equal(found[f"tower/norm1/{name}"], source.get_variable_value(f"bn/{name}"))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"statistics": "real"}, ("k/real/moving_mean", "k/real/moving_variance")),
        ({"zero_debias_moving_mean": True}, ("k/k/moving_mean/biased", "k/moving_mean", "k/moving_variance")),
    ],
)
def test_other_names_are_made_of_whole_components(input_fn, start, tmp_path, options, expected):
    with tf.Graph().as_default(), v1.Session() as session:
        for name in ("k/beta", *expected):
            v1.get_variable(name, [2], initializer=v1.constant_initializer(3.0))
        v1.get_variable("k/k/moving_mean/local_step", [], initializer=v1.constant_initializer(7.0))
        session.run(v1.global_variables_initializer())
        path = v1.train.Saver().save(session, str(tmp_path / "old"))

    def model(features, labels, mode):
        hidden = batch_norm(features["x"], is_training=True, updates_collections=None, scope="l", **options)
        loss = v1.losses.mean_squared_error(labels, tf.reduce_sum(hidden, 1))
        train_op = v1.train.GradientDescentOptimizer(0.0).minimize(loss, v1.train.get_global_step())
        return est.EstimatorSpec(mode, loss=loss, train_op=train_op)

    found = start(est.WarmStartSettings(path, var_name_to_prev_var_name={"l/beta": "k/beta"}), model, params=None)
    for name in expected:
        np.testing.assert_array_equal(found[f"l{name.removeprefix('k').replace('/k/', '/l/')}"], [3, 3], err_msg=name)


def test_statistics_that_the_checkpoint_lacks_are_warned_of(start, tmp_path, caplog):
    with tf.Graph().as_default(), v1.Session() as session:
        for name, shape in (("bn/gamma", [2]), ("bn/beta", [2]), ("dense/kernel", [2, 1])):
            v1.get_variable(name, shape, initializer=v1.ones_initializer())
        session.run(v1.global_variables_initializer())
        path = v1.train.Saver().save(session, str(tmp_path / "weights"))
    found = start(path)
    np.testing.assert_array_equal(found["dense/kernel"], [[1], [1]])
    np.testing.assert_array_equal(found["bn/moving_mean"], [0, 0])
    for name in STATISTICS:
        assert f"{name} stays at its initial value" in caplog.text


def test_a_checkpoint_of_its_own_goes_before(source, make, input_fn):
    target = make(folder="target", warm_start_from=source.model_dir)
    target.train(input_fn, steps=3)
    between = target.get_variable_value("bn/moving_mean")
    again = make(folder="target", warm_start_from=source.model_dir)
    again.train(input_fn, steps=1)
    assert int(again.get_variable_value("global_step")) == 4
    first = tf.train.load_checkpoint(f"{again.model_dir}/model.ckpt-3").get_tensor("bn/moving_mean")
    np.testing.assert_array_equal(first, between)


def test_evaluates_predicts_and_exports_without_training(source, make, once, tmp_path):
    def receiver():
        x = v1.placeholder(tf.float32, [None, 2])
        return est.export.TensorServingInputReceiver(x, x)

    target = make(folder="target", warm_start_from=source.model_dir)
    assert target.evaluate(once)["error"] == pytest.approx(source.evaluate(once)["error"], rel=1e-6)
    assert [e["y"] for e in target.predict(once)] == [e["y"] for e in source.predict(once)]
    assert tf.saved_model.contains_saved_model(target.export_saved_model(tmp_path / "export", receiver))


def test_errors(source, make, input_fn):
    with pytest.raises(TypeError, match="expected the path of a checkpoint or WarmStartSettings"):
        make(warm_start_from=3)
    with pytest.raises(est.NoCheckpointError, match="there is no checkpoint nowhere"):
        make(warm_start_from="nowhere").train(input_fn, steps=1)
    settings = est.WarmStartSettings(source.model_dir, var_name_to_prev_var_name={"misspelled": "bn/gamma"})
    with pytest.raises(ValueError, match="misspelled"):
        make(warm_start_from=settings).train(input_fn, steps=1)
    with pytest.raises(TypeError, match="expected a regular expression or a list"):
        make(warm_start_from=est.WarmStartSettings(source.model_dir, 3)).train(input_fn, steps=1)
