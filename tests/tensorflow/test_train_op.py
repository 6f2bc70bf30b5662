"""Train ops: what they run, in which order, what they warn of, against hand calculation."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from steadynorm.tensorflow import (
    UpdatesNotRunError,
    assert_updates_run,
    batch_norm,
    batch_normalization,
    create_train_op,
    minimize,
)

v1 = tf.compat.v1
KEYS = v1.GraphKeys


@pytest.fixture(autouse=True)
def _graph() -> Iterator[None]:
    with tf.Graph().as_default():
        yield


def norm(
    x: Any, scope: str, training: bool = True, collection: str | None = KEYS.UPDATE_OPS, fused: bool = False
) -> Any:
    """A layer by hand, as anybody may have written it: decay 0.5, gamma and beta, updates in a collection."""
    channels = x.shape[-1]
    with v1.variable_scope(scope):
        gamma = v1.get_variable("gamma", [channels], initializer=v1.ones_initializer())
        beta = v1.get_variable("beta", [channels], initializer=v1.zeros_initializer())
        mean = v1.get_variable("moving_mean", [channels], initializer=v1.zeros_initializer(), trainable=False)
        variance = v1.get_variable("moving_variance", [channels], initializer=v1.ones_initializer(), trainable=False)
        if not training:
            return tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-3)
        if fused:
            y, batch_mean, batch_variance, *_ = tf.raw_ops.FusedBatchNormV3(
                x=x[:, None, None], scale=gamma, offset=beta, mean=[], variance=[], epsilon=1e-3
            )
            y = y[:, 0, 0]
        else:
            batch_mean, batch_variance = tf.nn.moments(x, [0])
            y = tf.nn.batch_normalization(x, batch_mean, batch_variance, beta, gamma, 1e-3)
        for average, moment in ((mean, batch_mean), (variance, batch_variance)):
            update = v1.assign_sub(average, (average - moment) * 0.5).op
            if collection:
                v1.add_to_collection(collection, update)
        return y


X = np.array([[1.0, 2.0], [3.0, 6.0], [5.0, 1.0]], np.float32)


def network(**options: Any) -> Any:
    x = v1.placeholder_with_default(X, [None, 2])
    return tf.reduce_mean(tf.square(norm(x, "bn", **options) - 1.0))


def value(name: str, session: Any) -> Any:
    (variable,) = (each for each in v1.global_variables() if each.op.name == name)
    return session.run(variable)


@pytest.mark.parametrize("make", ["create_train_op", "minimize"])
@pytest.mark.parametrize("resource", [True, False])
@pytest.mark.parametrize("fused", [True, False])
def test_a_step_updates_statistics_variables_and_step(make: str, resource: bool, fused: bool) -> None:
    v1.get_variable_scope().set_use_resource(resource)
    loss, optimizer, step = network(fused=fused), v1.train.GradientDescentOptimizer(0.1), v1.train.create_global_step()
    train_op = create_train_op(loss, optimizer) if make == "create_train_op" else minimize(optimizer, loss, step)
    assert_updates_run(train_op)
    assert train_op in v1.get_collection(KEYS.TRAIN_OP)
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        result = session.run(train_op)
        averages = session.run({each.op.name: each for each in v1.global_variables()})
    np.testing.assert_allclose(averages["bn/moving_mean"], X.mean(0) / 2, rtol=1e-6)
    spread = X.var(0, ddof=1 if fused else 0)
    np.testing.assert_allclose(averages["bn/moving_variance"], (1 + spread) / 2, rtol=1e-5)
    # Gradient of the mean of (beta + normalized − 1)² with respect to beta, by hand: 2 · (0 − 1) / channels.
    np.testing.assert_allclose(averages["bn/beta"], [0.1, 0.1], rtol=1e-5)
    assert averages["global_step"] == 1
    if make == "create_train_op":
        normalized = (X - X.mean(0)) / np.sqrt(X.var(0) + 1e-3)
        assert result == pytest.approx(np.mean((normalized - 1) ** 2), rel=1e-5)


def test_updates_ran_before_the_loss_is_returned() -> None:
    loss = network()
    mean = v1.global_variables("bn/moving_mean")[0]
    seen = []

    def transform(gradients: list[Any]) -> list[Any]:
        seen.append(len(gradients))
        return gradients

    train_op = create_train_op(loss, v1.train.GradientDescentOptimizer(0.1), transform_grads_fn=transform)
    with tf.control_dependencies([train_op]):
        after = tf.identity(mean.read_value())
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        np.testing.assert_allclose(session.run([train_op, after])[1], X.mean(0) / 2, rtol=1e-6)
    assert seen == [2]


def test_a_loss_that_is_not_finite_ends_the_step_before_the_variables() -> None:
    x = v1.placeholder(tf.float32, [None, 2])
    loss = tf.reduce_mean(norm(x, "bn"))
    train_op = create_train_op(loss, v1.train.GradientDescentOptimizer(0.1))
    unchecked = create_train_op(loss, v1.train.GradientDescentOptimizer(0.1), check_numerics=False)
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        with pytest.raises(tf.errors.InvalidArgumentError, match="LossTensor is inf or nan"):
            session.run(train_op, {x: [[np.nan, 1.0], [2.0, 3.0]]})
        np.testing.assert_array_equal(value("bn/gamma", session), [1.0, 1.0])
        assert np.isnan(session.run(unchecked, {x: [[np.nan, 1.0], [2.0, 3.0]]}))


def test_options_of_slim() -> None:
    loss = network()
    beta = v1.trainable_variables("bn/beta")[0]
    train_op = create_train_op(
        loss,
        v1.train.GradientDescentOptimizer(1.0),
        global_step=None,
        variables_to_train=[beta],
        summarize_gradients=True,
        clip_gradient_norm=0.5,
        gradient_multipliers={"bn/beta": 3.0},
        colocate_gradients_with_ops=True,
        aggregation_method=tf.AggregationMethod.ADD_N,
        gate_gradients=v1.train.Optimizer.GATE_GRAPH,
    )
    assert v1.train.get_global_step() is None
    assert {each.op.name for each in v1.get_collection(KEYS.SUMMARIES)} == {
        "summarize_grads/bn/beta_gradient",
        "summarize_grads/bn/beta_gradient_norm",
    }
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        session.run(train_op)
        # The gradient (−1, −1), three times as long, is clipped to the norm 0.5.
        np.testing.assert_allclose(value("bn/beta", session), np.array([0.5, 0.5]) / np.sqrt(2), rtol=1e-5)
        np.testing.assert_array_equal(value("bn/gamma", session), [1.0, 1.0])


@pytest.mark.parametrize("make", ["create_train_op", "minimize"])
def test_warns_of_updates_that_are_left_out(make: str) -> None:
    x = v1.placeholder_with_default(X, [None, 2])
    loss = tf.reduce_mean(norm(norm(x, "one"), "two", collection="elsewhere"))
    optimizer = v1.train.GradientDescentOptimizer(0.1)
    with pytest.warns(UserWarning, match="2 moving statistics") as caught:
        create_train_op(loss, optimizer) if make == "create_train_op" else minimize(optimizer, loss)
    text = str(caught[0].message)
    first, second = (each.name for each in v1.get_collection("elsewhere"))
    assert f"two/moving_mean: updated by {first}\n" in text
    assert f"two/moving_variance: updated by {second}\n" in text
    assert "one/moving_mean" not in text
    assert caught[0].filename == __file__
    everything = v1.get_collection(KEYS.UPDATE_OPS) + v1.get_collection("elsewhere")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        create_train_op(loss, optimizer, update_ops=everything)
        minimize(optimizer, loss, update_ops=everything)


def test_names_each_statistic_that_a_plain_minimize_forgets() -> None:
    loss = network()
    train_op = v1.train.MomentumOptimizer(0.1, 0.9).minimize(loss)
    with pytest.raises(UpdatesNotRunError, match="2 moving statistics") as raised:
        assert_updates_run(train_op)
    assert [each.variable for each in raised.value.missed] == ["bn/moving_mean", "bn/moving_variance"]
    assert_updates_run(train_op, except_for=["bn/"])
    assert_updates_run(train_op, except_for="bn/moving_")
    assert_updates_run([train_op, v1.get_collection(KEYS.UPDATE_OPS)])


def test_updates_that_hang_in_no_collection_are_missed_too() -> None:
    with pytest.warns(UserWarning, match="bn/moving_mean"):
        create_train_op(network(collection=None), v1.train.GradientDescentOptimizer(0.1))


def test_saving_restoring_and_initializing_are_no_updates() -> None:
    loss = network(training=False)
    v1.train.Saver()
    v1.global_variables_initializer()
    v1.assign(v1.global_variables("bn/moving_mean")[0], v1.placeholder(tf.float32, [2]))
    assert_updates_run(v1.train.GradientDescentOptimizer(0.1).minimize(loss))


@pytest.mark.parametrize("functional", [True, False])
def test_updates_in_a_cond_that_is_part_of_the_output(functional: bool) -> None:
    before = v1.control_flow_v2_enabled()
    (v1.enable_control_flow_v2 if functional else v1.disable_control_flow_v2)()
    try:
        # The functions of today's control flow cannot write references, the variables of TensorFlow 1.
        v1.get_variable_scope().set_use_resource(True if functional else None)
        x, training = v1.placeholder_with_default(X, [None, 2]), v1.placeholder(tf.bool, [])
        gamma = v1.get_variable("bn/gamma", [2])
        mean = v1.get_variable("bn/moving_mean", [2], initializer=v1.zeros_initializer(), trainable=False)

        def train() -> Any:
            batch = tf.reduce_mean(x, [0])
            with tf.control_dependencies([mean.assign(mean * 0.5 + batch * 0.5)]):
                return x - batch

        y = v1.cond(training, train, lambda: x - mean) * gamma
    finally:
        (v1.enable_control_flow_v2 if before else v1.disable_control_flow_v2)()
    train_op = create_train_op(tf.reduce_mean(tf.square(y)), v1.train.GradientDescentOptimizer(0.1))
    assert_updates_run(train_op)
    unrelated = v1.get_variable("unrelated", [])
    with pytest.raises(UpdatesNotRunError, match="bn/moving_mean"):
        assert_updates_run(v1.train.GradientDescentOptimizer(0.1).minimize(unrelated**2))
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        session.run(train_op, {training: False})
        np.testing.assert_array_equal(session.run(mean), [0.0, 0.0])
        session.run(train_op, {training: True})
        np.testing.assert_allclose(session.run(mean), X.mean(0) / 2, rtol=1e-6)


@pytest.mark.parametrize("functional", [True, False])
def test_an_update_inside_a_branch_cannot_be_waited_for(functional: bool) -> None:
    before = v1.control_flow_v2_enabled()
    (v1.enable_control_flow_v2 if functional else v1.disable_control_flow_v2)()
    try:
        y = v1.cond(v1.placeholder_with_default(True, []), lambda: network(), lambda: tf.constant(0.0))
    finally:
        (v1.enable_control_flow_v2 if before else v1.disable_control_flow_v2)()
    with pytest.raises(ValueError, match=r"bn/Assign.*inside a condition, loop or function.*updates_collections=None"):
        create_train_op(y, v1.train.GradientDescentOptimizer(0.1))


def test_an_update_of_another_graph_is_refused() -> None:
    with tf.Graph().as_default():
        network()
        foreign = v1.get_collection(KEYS.UPDATE_OPS)
    with pytest.raises(ValueError, match="belongs to another graph"):
        create_train_op(network(), v1.train.GradientDescentOptimizer(0.1), update_ops=foreign)


def test_a_trained_layer_in_inference_mode_is_named_and_a_frozen_one_is_not() -> None:
    x = v1.placeholder_with_default(X, [None, 2])
    loss = tf.reduce_mean(norm(norm(x, "fixed", training=False), "moving"))
    with pytest.warns(UserWarning, match=r"trains 1 layer built with is_training=False.*never move: fixed\."):
        create_train_op(loss, v1.train.GradientDescentOptimizer(0.1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        minimize(v1.train.GradientDescentOptimizer(0.1), loss, var_list=v1.trainable_variables("moving"))


def test_minimize_takes_variables_that_are_not_trainable() -> None:
    image = v1.get_variable("image", initializer=tf.constant(X), trainable=False)
    loss = tf.reduce_mean(tf.square(image))
    with pytest.raises(ValueError, match="not among the graph's trainable variables: image"):
        create_train_op(loss, v1.train.GradientDescentOptimizer(3.0), variables_to_train=[image])
    train_op = minimize(v1.train.GradientDescentOptimizer(3.0), loss, var_list=[image])
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        session.run(train_op)
        np.testing.assert_allclose(session.run(image), X - 3.0 * 2 * X / X.size, atol=1e-6)


def test_unusable_arguments() -> None:
    optimizer = v1.train.GradientDescentOptimizer(0.1)
    with pytest.raises(ValueError, match="no trainable variables"):
        create_train_op(tf.constant(1.0), optimizer)
    loss = network()
    with pytest.raises(ValueError, match="list of variables is empty"):
        create_train_op(loss, optimizer, variables_to_train=[])
    with pytest.raises(ValueError, match="not among the graph's trainable variables: bn/moving_mean"):
        create_train_op(loss, optimizer, variables_to_train=v1.global_variables("bn/moving_mean"))
    with pytest.raises(ValueError, match="does not depend on any of the variables to train: bn/gamma, bn/beta"):
        create_train_op(tf.constant(1.0), optimizer)
    with pytest.raises(TypeError, match=r"must be one of tf\.compat\.v1\.train, not builtins\.str"):
        minimize("sgd", loss)
    v1.get_variable("unused", [])
    with pytest.raises(ValueError, match="gradient_multipliers names 'unused'"):
        create_train_op(loss, optimizer, gradient_multipliers={"unused": 2.0})
    with pytest.raises(TypeError, match="not str: pass what"):
        assert_updates_run("train_op")


@pytest.mark.parametrize("functional", [True, False])
@pytest.mark.parametrize("collection", [KEYS.UPDATE_OPS, None])
def test_layers_of_this_package_with_every_option(collection: str | None, functional: bool) -> None:
    before = v1.control_flow_v2_enabled()
    (v1.enable_control_flow_v2 if functional else v1.disable_control_flow_v2)()
    try:
        x, training = v1.placeholder_with_default(X, [3, 2]), v1.placeholder_with_default(True, [])
        options = {"is_training": training, "updates_collections": collection}
        y = batch_norm(x, 0.5, scope="plain", **options)
        y += batch_norm(x, 0.5, zero_debias_moving_mean=True, scope="debiased", **options)
        if collection:
            y += batch_normalization(x, training=training, renorm=True, momentum=0.5, name="renormed")
        loss = tf.reduce_mean(tf.square(y - 1.0))
        forgotten = v1.train.GradientDescentOptimizer(0.1).minimize(loss)
        train_op = create_train_op(loss, v1.train.GradientDescentOptimizer(0.1))
    finally:
        (v1.enable_control_flow_v2 if before else v1.disable_control_flow_v2)()
    assert_updates_run(train_op)
    averages = [each for each in v1.global_variables() if each not in v1.trainable_variables()]
    if collection:
        with pytest.raises(UpdatesNotRunError) as raised:
            assert_updates_run(forgotten)
        # Training itself uses the averages of renorm, and so updates them.
        assert {each.layer for each in raised.value.missed} >= {"plain", "debiased", "renormed"}
    else:
        assert_updates_run(forgotten)
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        before_step = session.run(averages)
        session.run(train_op)
        for variable, old, new in zip(averages, before_step, session.run(averages), strict=True):
            assert np.any(old != new), variable.op.name


def test_a_layer_of_this_package_in_inference_mode_is_named_when_trained() -> None:
    x = v1.placeholder_with_default(X, [3, 2])
    loss = tf.reduce_mean(tf.square(batch_norm(x, is_training=False, scope="net/fixed") - 1.0))
    with pytest.warns(UserWarning, match=r"trains 1 layer .*never move: net/fixed\."):
        minimize(v1.train.GradientDescentOptimizer(0.1), loss)


def test_two_applications_of_one_layer_are_updated_by_either() -> None:
    x = v1.placeholder_with_default(X, [3, 2])
    first = batch_norm(x, scope="shared")
    batch_norm(x * 2.0, scope="shared", reuse=True)
    update_ops = v1.get_collection(KEYS.UPDATE_OPS)
    loss = tf.reduce_mean(tf.square(first - 1.0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        minimize(v1.train.GradientDescentOptimizer(0.1), loss, update_ops=update_ops[: len(update_ops) // 2])


@pytest.mark.parametrize("functional", [True, False])
def test_a_layer_that_is_switched_is_not_taken_for_one_in_inference_mode(functional: bool) -> None:
    before = v1.control_flow_v2_enabled()
    (v1.enable_control_flow_v2 if functional else v1.disable_control_flow_v2)()
    try:
        x, training = v1.placeholder_with_default(X, [3, 2]), v1.placeholder_with_default(True, [])
        gamma, beta = v1.get_variable("a", [2]), v1.get_variable("b", [2])
        averages = [v1.get_variable(name, [2], trainable=False) for name in ("c", "d")]
        moments = tf.nn.moments(x, [0])
        used = [
            v1.cond(training, lambda p=p: tf.identity(p[0]), lambda p=p: p[1] + 0.0)
            for p in zip(moments, averages, strict=True)
        ]
        loss = tf.reduce_sum(tf.nn.batch_normalization(x, *used, beta, gamma, 1e-3))
    finally:
        (v1.enable_control_flow_v2 if before else v1.disable_control_flow_v2)()
    updates = [v1.assign_sub(each, (each - moment) * 0.1) for each, moment in zip(averages, moments, strict=True)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        minimize(v1.train.GradientDescentOptimizer(0.1), loss, update_ops=updates)


def adversaries() -> tuple[Any, Any, Any]:
    """A generator's and a discriminator's loss, and a function that gives the update ops and variables of one."""
    x = v1.placeholder_with_default(X, [None, 2])
    judged = batch_norm(batch_norm(x, scope="gen"), scope="dis")
    loss = tf.reduce_mean(tf.square(judged - 1.0))

    def of(scope: str) -> dict[str, Any]:
        return {
            "update_ops": v1.get_collection(KEYS.UPDATE_OPS, scope),
            "variables_to_train": v1.trainable_variables(scope),
        }

    return loss, -loss, of


def test_statistics_that_another_step_updates_are_left_to_it() -> None:
    generated, judged, of = adversaries()
    optimizer = v1.train.GradientDescentOptimizer(0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        create_train_op(judged, optimizer, except_for="gen/", **of("dis"))
        create_train_op(generated, optimizer, **of("gen"))


def test_statistics_that_no_other_step_updates_are_named() -> None:
    generated, _, of = adversaries()
    with pytest.warns(UserWarning, match="2 moving statistics") as caught:
        create_train_op(generated, v1.train.GradientDescentOptimizer(0.1), **of("gen"))
    text = str(caught[0].message)
    assert "dis/moving_mean" in text
    assert "gen/" not in text
    assert "except_for" in text


def test_the_remedy_names_the_collection_that_holds_the_updates() -> None:
    x = v1.placeholder_with_default(X, [None, 2])
    loss = tf.reduce_mean(batch_norm(norm(x, "hand", collection="other"), scope="own", updates_collections="mine"))
    with pytest.raises(UpdatesNotRunError, match=r"get_collection\('mine'\) \+ .*get_collection\('other'\)"):
        assert_updates_run(v1.train.GradientDescentOptimizer(0.1).minimize(loss))
    both = v1.get_collection("mine") + v1.get_collection("other")
    assert_updates_run(minimize(v1.train.GradientDescentOptimizer(0.1), loss, update_ops=both))
