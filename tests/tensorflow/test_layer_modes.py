"""Modes of every kind, and updates that are part of the output: also in branches, loops and shared scopes."""

import numpy as np
import pytest
import tensorflow as tf

from steadynorm.tensorflow import batch_norm, batch_normalization

v1 = tf.compat.v1
X = np.random.default_rng(0).normal(3.0, 2.0, (8, 4)).astype(np.float32)
MEAN = X.mean(0)


@pytest.fixture(autouse=True, params=[True, False], ids=["functional", "switch"])
def _control_flow(request):
    """Both kinds of conditions and loops: today's, which are functions, and those of TensorFlow 1."""
    before = v1.control_flow_v2_enabled()
    (v1.enable_control_flow_v2 if request.param else v1.disable_control_flow_v2)()
    yield
    (v1.enable_control_flow_v2 if before else v1.disable_control_flow_v2)()


@pytest.fixture(params=[True, False], ids=["resource", "reference"])
def net(request):
    with tf.Graph().as_default(), v1.variable_scope("net", use_resource=request.param), v1.Session() as session:
        yield session


def averages():
    return [v for v in v1.global_variables() if v.op.name.endswith("moving_mean")]


MODES = {
    "placeholder": lambda: v1.placeholder(tf.bool, []),
    "placeholder of unknown shape": lambda: v1.placeholder(tf.bool),
    "placeholder with default": lambda: v1.placeholder_with_default(False, []),
    "variable": lambda: v1.get_variable("mode", [], tf.bool, v1.zeros_initializer(), trainable=False),
    "tensor": lambda: tf.logical_not(v1.placeholder_with_default(True, [])),
}


@pytest.mark.parametrize("kind", MODES)
def test_a_mode_of_the_graph_switches_output_and_updates(net, kind):
    mode = MODES[kind]()
    y = batch_norm(tf.constant(X), is_training=mode, updates_collections=None, decay=0.5)
    net.run(v1.global_variables_initializer())
    tensor = mode.op.inputs[0] if kind == "tensor" else mode

    def run(training):
        if kind == "variable":
            net.run(v1.assign(mode, training))
            return net.run(y)
        return net.run(y, {tensor: training if kind != "tensor" else not training})

    np.testing.assert_allclose(run(False), X / np.sqrt(1.001), rtol=1e-5)
    np.testing.assert_array_equal(net.run(averages()[0]), 0)
    np.testing.assert_allclose(run(True).mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(net.run(averages()[0]), MEAN / 2, rtol=1e-5)
    run(False)
    np.testing.assert_allclose(net.run(averages()[0]), MEAN / 2, rtol=1e-6)


@pytest.mark.parametrize("mode", [True, 1, np.True_, "constant"])
def test_a_fixed_mode_makes_no_branch(net, mode):
    y = batch_norm(tf.constant(X), is_training=tf.constant(True) if mode == "constant" else mode)
    assert not [o for o in y.graph.get_operations() if o.type in ("If", "StatelessIf", "Switch")]
    net.run(v1.global_variables_initializer())
    np.testing.assert_allclose(net.run(y).mean(0), 0, atol=1e-5)


def test_forced_updates_run_with_the_output_and_no_collection_has_them(net):
    y = batch_norm(tf.constant(X), updates_collections=None, decay=0.0)
    assert not v1.get_collection(v1.GraphKeys.UPDATE_OPS)
    net.run(v1.global_variables_initializer())
    net.run(y)
    np.testing.assert_allclose(net.run(averages()[0]), MEAN, rtol=1e-5)


def test_collected_updates_wait_until_they_are_run(net):
    y = batch_norm(tf.constant(X), decay=0.0)
    net.run(v1.global_variables_initializer())
    net.run(y)
    np.testing.assert_array_equal(net.run(averages()[0]), 0)
    net.run(v1.get_collection(v1.GraphKeys.UPDATE_OPS))
    np.testing.assert_allclose(net.run(averages()[0]), MEAN, rtol=1e-5)


@pytest.mark.parametrize("arguments", [{}, {"zero_debias_moving_mean": True}, {"batch_weights": tuple([2.0] * 8)}])
def test_forced_updates_in_a_branch_run_with_the_branch(net, arguments):
    taken, training = v1.placeholder(tf.bool, []), v1.placeholder(tf.bool, [])
    given = {"updates_collections": None, "decay": 0.5, "is_training": training, "scope": "bn", **arguments}
    y = tf.cond(taken, lambda: batch_norm(tf.constant(X), **given), lambda: tf.constant(X))
    gradient = tf.gradients(y, y.graph.get_tensor_by_name("net/bn/beta:0"))
    assert gradient is not None
    net.run(v1.global_variables_initializer())
    for first, second, moved in ((False, True, False), (True, False, False), (True, True, True)):
        net.run(y, {taken: first, training: second})
        expected = MEAN * (1 if "zero_debias_moving_mean" in arguments else 0.5) if moved else 0 * MEAN
        np.testing.assert_allclose(net.run(averages()[0]), expected, rtol=1e-5)


def test_forced_updates_in_a_loop_run_in_every_iteration(net):
    training = v1.placeholder(tf.bool, [])

    def body(i, value):
        shifted = batch_norm(value, updates_collections=None, decay=0.5, is_training=training, scope="bn") + 1.0
        return i + 1, shifted

    _, y = tf.while_loop(lambda i, _: i < 3, body, [0, tf.constant(X)])
    net.run(v1.global_variables_initializer())
    net.run(y, {training: False})
    np.testing.assert_array_equal(net.run(averages()[0]), 0)
    net.run(y, {training: True})
    expected = MEAN / 8 + 1 / 4 + 1 / 2  # the means of the iterations are MEAN, 1 and 1
    np.testing.assert_allclose(net.run(averages()[0]), expected, rtol=1e-4)


def test_gradients_pass_through_layers_in_loops_and_branches(net):
    x, training = tf.constant(X), v1.placeholder(tf.bool, [])

    def layer(value, name):
        return batch_normalization(value, training=training, renorm=True, name=name, reuse=v1.AUTO_REUSE)

    _, looped = tf.while_loop(lambda i, _: i < 2, lambda i, v: (i + 1, layer(v, "loop") ** 2), [0, x])
    inline = layer(layer(x, "loop") ** 2, "loop") ** 2
    gradients = [tf.gradients(tf.reduce_sum(y[:3]), x)[0] for y in (looped, inline)]
    net.run(v1.global_variables_initializer())
    for mode in (True, False):
        looped_gradient, inline_gradient = net.run(gradients, {training: mode})
        np.testing.assert_allclose(looped_gradient, inline_gradient, rtol=1e-3, atol=1e-4)
        assert np.abs(inline_gradient).max() > 0.01


def test_a_shared_scope_updates_once_per_use(net):
    with v1.variable_scope("shared", reuse=v1.AUTO_REUSE):
        first = batch_norm(tf.constant(X), updates_collections=None, decay=0.5, scope="bn")
        with tf.control_dependencies([first]):
            second = batch_norm(tf.constant(X) + 1, updates_collections=None, decay=0.5, scope="bn")
    assert len(averages()) == 1
    net.run(v1.global_variables_initializer())
    net.run(second)
    np.testing.assert_allclose(net.run(averages()[0]), MEAN / 4 + (MEAN + 1) / 2, rtol=1e-5)


def test_statistics_of_domains_share_gamma_and_beta(net):
    training = v1.placeholder(tf.bool, [])
    arguments = {"decay": 0.0, "updates_collections": None, "scale": True, "scope": "bn", "is_training": training}
    real = batch_norm(tf.constant(X), statistics="real", **arguments)
    fake = batch_norm(tf.constant(-X), statistics="fake", reuse=True, **arguments)
    again = batch_norm(tf.constant(X), statistics="real", reuse=True, **arguments)
    names = [v.op.name.removeprefix("net/bn/") for v in v1.global_variables()]
    statistics = [f"{domain}/moving_{kind}" for domain in ("real", "fake") for kind in ("mean", "variance")]
    assert names == ["beta", "gamma", *statistics]
    net.run(v1.global_variables_initializer())
    net.run([real, fake], {training: True})
    values = dict(zip(names, net.run(v1.global_variables()), strict=True))
    np.testing.assert_allclose(values["real/moving_mean"], MEAN, rtol=1e-5)
    np.testing.assert_allclose(values["fake/moving_mean"], -MEAN, rtol=1e-5)
    out, other = net.run([again, fake], {training: False})
    np.testing.assert_allclose(out.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(other.mean(0), 0, atol=1e-5)


def test_an_empty_batch_moves_nothing(net):
    x, training = v1.placeholder(tf.float32, [None, 4]), v1.placeholder(tf.bool, [])
    for index, arguments in enumerate([{}, {"zero_debias_moving_mean": True}, {"renorm": True}]):
        batch_norm(x, is_training=training, scope=f"bn{index}", decay=0.5, **arguments)
    updates = v1.get_collection(v1.GraphKeys.UPDATE_OPS)
    net.run(v1.global_variables_initializer())
    net.run(updates, {x: X, training: True})
    before = net.run(v1.global_variables())
    net.run(updates, {x: X[:0], training: True})
    for old, new in zip(before, net.run(v1.global_variables()), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("none", [np.zeros(8), -np.ones(8), np.array([1.0, -1.0] * 4)], ids=["0", "negative", "sum 0"])
def test_weights_that_sum_to_zero_or_less_use_and_keep_the_averages(net, none):
    weights = v1.placeholder(tf.float32, [8])
    y = batch_norm(tf.constant(X), batch_weights=weights, decay=0.0, updates_collections=None)
    gradient = tf.gradients(y, y.graph.get_tensor_by_name("net/BatchNorm/beta:0"))
    net.run(v1.global_variables_initializer())
    out, _ = net.run([y, gradient], {weights: none})
    np.testing.assert_allclose(out, X / np.sqrt(1.001), rtol=1e-5)
    np.testing.assert_array_equal(net.run(averages()[0]), 0)
    net.run(y, {weights: np.eye(8)[0] + np.eye(8)[1]})
    np.testing.assert_allclose(net.run(averages()[0]), X[:2].mean(0), rtol=1e-5)
