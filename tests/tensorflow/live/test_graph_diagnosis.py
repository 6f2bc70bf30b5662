"""Live diagnoses of graphs: every broken example next to its healthy twin, on the digits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

v1 = tf.compat.v1
LAYERS = ("norm", "inner_norm", "hidden_norm")


def fixed(mode: Any) -> Any:
    return lambda: mode


def with_default() -> Any:
    return v1.placeholder_with_default(False, (), "mode")


def first(report: Any, code: str) -> Any:
    assert report.findings, "nothing was found"
    assert report.findings[0].code == code, [(found.code, found.message) for found in report.findings]
    return report.findings[0]


def test_a_network_as_it_should_be_is_healthy(lab: Any) -> None:
    net = lab.healthy()
    report = lab.diagnose(net)
    lab.assert_healthy(report)
    assert lab.codes(report) == []
    assert report.evidence.framework == "tensorflow"
    assert [layer.name for layer in report.evidence.layers] == list(LAYERS)
    assert report.evidence.gap.scores["population", "validation"].metric == pytest.approx(
        lab.accuracy(net, lab.validation_data), abs=1e-6
    )


def test_what_is_not_assessed_is_said_in_words_of_graphs(lab: Any) -> None:
    def network(x: Any, mode: Any, normalize: Any) -> Any:
        kernel = v1.get_variable("kernel", [64, 32], initializer=v1.glorot_uniform_initializer(seed=0))
        bias = v1.get_variable("bias", [32], initializer=v1.zeros_initializer())
        return normalize(tf.nn.bias_add(tf.matmul(tf.reshape(x, [-1, 64]), kernel), bias), mode, "norm")

    report = lab.diagnose(lab.build(network=network), train_op=None)

    reasons = {each.code: each.reason for each in report.not_assessed}
    assert reasons["SN102"] == "no train_op was given"
    assert "export_meta_graph" in reasons["SN207"]
    assert not any("AveragedModel" in each or "train_step" in each for each in reasons.values())
    (found,) = (each for each in report.findings if each.code == "SN501")
    assert "use_bias=False" in found.remedy


@pytest.mark.parametrize("written", ["by hand", "unfused", "renorm"])
def test_layers_of_any_make_are_recognised(lab: Any, written: str) -> None:
    options = {"unfused": {"fused": False}, "renorm": {"renorm": True, "renorm_decay": 0.9}}
    normalize = lab.by_hand if written == "by hand" else lab.by_contrib(**options[written])
    report = lab.diagnose(lab.train(lab.build(normalize)))
    lab.assert_healthy(report)
    assert {layer.name: layer.config.decay for layer in report.evidence.layers} == dict.fromkeys(LAYERS, 0.9)
    steps = report.evidence.steps.layers
    assert {name: (each.batch_uses, each.updates) for name, each in steps.items()} == dict.fromkeys(LAYERS, (1.0, 1.0))
    assert [each.decay for each in steps.values()] == pytest.approx([0.9] * 3, abs=1e-4)


def test_updates_that_the_train_op_does_not_reach(lab: Any) -> None:
    report = lab.diagnose(lab.stale())
    found = first(report, "SN101")
    assert found.layers == LAYERS
    assert found.share == pytest.approx(1, abs=0.05)
    assert report.evidence.trial("recalibrate").after.metric > 0.95
    assert lab.codes(report) == ["SN101"]
    assert "create_train_op" in found.remedy


def test_updates_that_every_step_fetches_beside_the_train_op_are_run(lab: Any) -> None:
    def step(loss: Any, rate: float) -> Any:
        return [lab.without_updates(loss, rate), *v1.get_collection(v1.GraphKeys.UPDATE_OPS)]

    lab.assert_healthy(lab.diagnose(lab.train(lab.build(train_op=step))))


def test_a_mode_that_is_always_training(lab: Any) -> None:
    report = lab.diagnose(lab.train(lab.build(mode=fixed(True))))
    found = first(report, "SN201")
    assert found.layers == LAYERS
    assert lab.codes(report) == ["SN201"]
    assert "the graph fixes the mode to training" in found.message
    assert "eval()" not in found.message + found.remedy


def test_a_mode_that_training_forgets_to_feed(lab: Any) -> None:
    forgetful = lab.train(lab.build(mode=with_default), feed={})
    report = lab.diagnose(forgetful, training_feed={})
    assert first(report, "SN202").layers == LAYERS
    assert lab.codes(report) == ["SN202"]
    fed = lab.train(lab.build(mode=with_default))
    lab.assert_healthy(lab.diagnose(fed))


def test_a_decay_that_was_meant_as_a_momentum(lab: Any) -> None:
    report = lab.diagnose(lab.train(lab.build(lab.by_contrib(decay=0.01), rate=0.03)))
    assert first(report, "SN510").layers == LAYERS


def test_an_average_too_slow_for_a_short_run(lab: Any) -> None:
    report = lab.diagnose(lab.train(lab.build(lab.by_contrib(decay=0.999))))
    found = first(report, "SN104")
    assert found.layers == LAYERS
    assert found.share == pytest.approx(1, abs=0.05)


def in_two_ways(lab: Any, *, share: bool) -> Any:
    def network(x: Any, mode: Any, normalize: Any) -> Any:
        """The images and their negatives, brighter and with more contrast, each through the network."""

        def apart(number: int) -> Any:
            return lambda x, mode, name: normalize(x, mode, name if share else f"{name}_{number}")

        with v1.variable_scope("net"):
            first = lab.logits(x, mode, apart(0))
        with v1.variable_scope("net", reuse=v1.AUTO_REUSE):
            return first + lab.logits(3 - 4 * x, mode, apart(1))

    return network


def test_statistics_that_two_inputs_share(lab: Any) -> None:
    report = lab.diagnose(lab.train(lab.build(network=in_two_ways(lab, share=True))))
    found = first(report, "SN401")
    assert "net/norm" in found.layers
    steps = report.evidence.steps.layers["net/norm"]
    assert (steps.batch_uses, steps.updates) == (2.0, 2.0)
    assert report.evidence.trial("separate").after.metric > 0.95


def test_statistics_of_their_own_for_each_of_two_inputs(lab: Any) -> None:
    lab.assert_healthy(lab.diagnose(lab.train(lab.build(network=in_two_ways(lab, share=False)))))


class Towers:
    """One graph for training and one for inference over the same variables, and no mode."""

    def __init__(self, lab: Any, updates: bool) -> None:
        self.lab, self.updates = lab, updates

    def network(self, x: Any, mode: Any, normalize: Any) -> Any:
        with v1.variable_scope("net"):
            self.training = self.lab.logits(x, True, normalize)
        with v1.variable_scope("net", reuse=True):
            return self.lab.logits(x, False, normalize)

    def step(self, loss: Any, rate: float) -> Any:
        labels = loss.graph.get_tensor_by_name("y:0")
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=self.training)
        make = self.lab.minimized if self.updates else self.lab.without_updates
        return make(tf.reduce_mean(each), rate)

    def trained(self) -> Any:
        net = self.lab.build(network=self.network, train_op=self.step, mode=fixed(None))
        return self.lab.train(net, feed={})


def test_a_graph_for_training_and_one_for_inference(lab: Any) -> None:
    report = lab.diagnose(Towers(lab, updates=True).trained())
    lab.assert_healthy(report)
    assert {each.index for each in report.evidence.calls} == {0}
    found = first(lab.diagnose(Towers(lab, updates=False).trained()), "SN101")
    assert found.layers == tuple(f"net/{name}" for name in LAYERS)


def test_without_a_train_op_the_rest_is_measured(lab: Any) -> None:
    report = lab.diagnose(lab.stale(), train_op=None)
    assert report.evidence.steps is None
    assert first(report, "SN103").layers == LAYERS


def test_functions_of_arrays_for_loss_and_metric(lab: Any) -> None:
    def accuracy(output: Any, target: Any) -> float:
        return float((output.argmax(1) == target).mean())

    report = lab.diagnose(lab.healthy(), loss=None, metric=accuracy, train_op=None)
    lab.assert_healthy(report)
    scored = report.evidence.gap.scores["population", "validation"].metric
    assert scored == pytest.approx(lab.accuracy(lab.healthy(), lab.validation_data), abs=1e-6)


def in_both_modes(x: Any, mode: Any, name: str) -> Any:
    """Both modes computed, and one of the results chosen, as some programs do; each of them updates nothing."""
    with v1.variable_scope(name):
        channels = x.shape[-1]
        mean = v1.get_variable("mean", [channels], initializer=v1.zeros_initializer(), trainable=False)
        variance = v1.get_variable("variance", [channels], initializer=v1.ones_initializer(), trainable=False)
        beta = v1.get_variable("beta", [channels], initializer=v1.zeros_initializer())
        moments = tf.nn.moments(x, list(range(x.shape.rank - 1)))
        for old, new in zip((mean, variance), moments, strict=True):
            v1.add_to_collection(v1.GraphKeys.UPDATE_OPS, v1.assign_sub(old, 0.1 * (old - new)))
        by_batch = tf.nn.batch_normalization(x, *moments, beta, None, 1e-3)
        return tf.where(mode, by_batch, tf.nn.batch_normalization(x, mean, variance, beta, None, 1e-3))


def test_both_modes_computed_and_one_chosen(lab: Any) -> None:
    def step(loss: Any, rate: float) -> Any:
        return [lab.without_updates(loss, rate), *v1.get_collection(v1.GraphKeys.UPDATE_OPS)]

    report = lab.diagnose(lab.train(lab.build(in_both_modes, train_op=step)))
    lab.assert_healthy(report)
    assert [(each.batch_uses, each.updates) for each in report.evidence.steps.layers.values()] == [(1.0, 1.0)] * 3


def test_a_layer_in_a_loop_is_left_out_and_the_rest_measured(lab: Any) -> None:
    def network(x: Any, mode: Any, normalize: Any) -> Any:
        """The images go three times through a layer without moving averages of its own loop."""

        def body(count: Any, x: Any) -> Any:
            mean, variance = tf.nn.moments(x, [0, 1, 2])
            return count + 1, tf.nn.batch_normalization(x, mean, variance, None, None, 1e-3)

        looped = tf.while_loop(lambda count, x: count < 3, body, (0, x))[1]
        return lab.logits(tf.ensure_shape(looped, x.shape), mode, normalize)

    report = lab.diagnose(lab.train(lab.build(network=network), epochs=2), train_op=None)
    assert [layer.name for layer in report.evidence.layers] == list(LAYERS)
    assert report.evidence.gap.scores["batch", "train"].metric > 0.9


def by_two_halves(x: Any, rate: float) -> Any:
    """Dropout as TensorFlow 1 built it: the scaled values, times the floor of random numbers from 1 − rate on."""
    kept = tf.constant(1 - rate)
    return tf.divide(x, kept) * tf.floor(kept + tf.random.uniform(tf.shape(x)))


def by_comparison(x: Any, rate: float) -> Any:
    return tf.nn.dropout(x, rate)


def dropping(where: str, drop: Any) -> Any:
    """Convolution, dropout before or after the normalization of a linear layer, as the mode says."""

    def network(x: Any, mode: Any, normalize: Any) -> Any:
        def weights(name: str, *shape: int) -> Any:
            return v1.get_variable(name, shape, initializer=v1.glorot_uniform_initializer(seed=1))

        def dropped(x: Any, here: str) -> Any:
            return v1.cond(mode, lambda: drop(x, 0.5), lambda: tf.identity(x)) if here == where else x

        x = tf.reshape(tf.nn.relu(tf.nn.conv2d(x, weights("conv", 3, 3, 1, 16), 1, "SAME")), [-1, 1024])
        x = tf.nn.relu(normalize(tf.matmul(dropped(x, "before"), weights("hidden", 1024, 32)), mode, "norm"))
        return tf.matmul(dropped(x, "after"), weights("head", 32, 10))

    return network


@pytest.mark.parametrize("drop", [by_two_halves, by_comparison])
@pytest.mark.parametrize("where", ["before", "after"])
def test_dropout_before_normalization(lab: Any, where: str, drop: Any) -> None:
    net = lab.train(lab.build(network=dropping(where, drop)))
    report = lab.diagnose(net)

    if where == "after":
        lab.assert_healthy(report)
        assert "SN507" in report.checked
        return
    found = next(each for each in report.findings if each.code == "SN507")
    assert found.layers == ("norm",)
    # Without the watching: the variance of what the layer is fed with and without dropout, in the session itself.
    fed = next(each for each in net.graph.get_operations() if each.type == "MatMul").outputs[0]
    variances = []
    for mode in (True, False):
        values = [net.session.run(fed, {net.x: x, net.y: y, net.mode: mode}) for x, y in lab.train_data]
        variances.append(np.concatenate(values).var(0) + 1e-3)
    measured = found.evidence["log_variance_ratio"]["norm"]
    assert measured == pytest.approx(np.median(np.log(variances[0] / variances[1])), abs=0.05)


@pytest.mark.parametrize("where", ["before", "after"])
def test_dropout_in_a_graph_for_training_alone(lab: Any, where: str) -> None:
    """The same variables in two parts of a graph: one trains, the other is asked."""
    network = dropping(where, by_comparison)

    def twice(x: Any, mode: Any, normalize: Any) -> Any:
        with v1.variable_scope("net", reuse=v1.AUTO_REUSE):
            return network(x, mode, normalize)

    net = lab.build(network=lambda x, _, normalize: twice(x, tf.constant(True), normalize), mode=lambda: None)
    with net.graph.as_default():
        output = twice(net.x, tf.constant(False), lab.by_contrib(reuse=True))
        metric = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(output, 1), net.y), tf.float32))
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=net.y, logits=output))
    lab.train(net, feed={})
    report = lab.diagnose(net, output=output, metric=metric, loss=loss)

    assert ("SN507" in lab.codes(report)) is (where == "before")


def test_session_keeps_its_values_where_dropout_is_measured(lab: Any) -> None:
    net = lab.train(lab.build(network=dropping("before", by_comparison)), epochs=1)
    variables = net.graph.get_collection("variables")
    before = [each.tobytes() for each in net.session.run(variables)]
    lab.diagnose(net)
    assert [each.tobytes() for each in net.session.run(variables)] == before


def stored(name: str, channels: int, **options: Any) -> list[Any]:
    """Scale, offset, mean and variance."""
    with v1.variable_scope(name):
        return [
            v1.get_variable(each, [channels], initializer=v1.constant_initializer(value), trainable=trained, **options)
            for each, value, trained in (
                ("gamma", 1.0, True),
                ("beta", 0.0, True),
                ("moving_mean", 0.0, False),
                ("moving_variance", 1.0, False),
            )
        ]


@pytest.mark.parametrize("functions", [False, True], ids=["frames", "functions"])
def test_layer_in_a_loop_is_left_out_and_said(lab: Any, functions: bool) -> None:
    def network(x: Any, mode: Any, normalize: Any) -> Any:
        gamma, beta, mean, variance = stored("loop_norm", 1)

        def body(index: Any, x: Any) -> Any:
            return index + 1, v1.nn.fused_batch_norm(x, gamma, beta, mean, variance, is_training=False)[0]

        _, x = v1.while_loop(lambda index, x: index < 2, body, [tf.constant(0), x])
        return lab.logits(x, mode, normalize)

    switch = v1.enable_control_flow_v2 if functions else v1.disable_control_flow_v2
    switch()
    try:
        net = lab.build(network=network, train_op=lab.without_updates)
    finally:
        v1.enable_control_flow_v2()
    report = lab.diagnose(net)

    assert [layer.name for layer in report.evidence.layers] == list(LAYERS)
    assert list(report.evidence.left_out) == ["loop_norm"]
    assert "inside of a loop" in report.evidence.left_out["loop_norm"]
    assert "loop_norm" in str(report)
    assert "loop_norm" in report.to_html()


def test_layer_with_partitioned_statistics_is_left_out_and_said(lab: Any) -> None:
    def network(x: Any, mode: Any, normalize: Any) -> Any:
        with v1.variable_scope("parts", partitioner=v1.fixed_size_partitioner(2), use_resource=False):
            pieces = [tf.concat(list(each), 0) for each in stored("norm", 16)]
        x = tf.nn.conv2d(x, v1.get_variable("first", [3, 3, 1, 16]), 1, "SAME")
        gamma, beta, mean, variance = pieces
        x = v1.nn.fused_batch_norm(x, gamma, beta, mean, variance, is_training=False)[0]
        return lab.logits(tf.reduce_mean(x, -1, keepdims=True), mode, normalize)

    report = lab.diagnose(lab.build(network=network, train_op=lab.without_updates))

    assert [layer.name for layer in report.evidence.layers] == list(LAYERS)
    assert [name for name in report.evidence.left_out if "parts" in name]
    assert set(report.evidence.left_out.values()) == {"their statistics are stored in several parts"}


def test_graph_with_nothing_else_has_nothing_to_check_and_says_why(lab: Any) -> None:
    def network(x: Any, mode: Any, normalize: Any) -> Any:
        gamma, beta, mean, variance = stored("loop_norm", 1)

        def body(index: Any, x: Any) -> Any:
            return index + 1, v1.nn.fused_batch_norm(x, gamma, beta, mean, variance, is_training=False)[0]

        _, x = v1.while_loop(lambda index, x: index < 2, body, [tf.constant(0), x])
        return tf.matmul(tf.reshape(x, [-1, 64]), v1.get_variable("head", [64, 10]))

    report = lab.diagnose(lab.build(network=network, train_op=lab.without_updates))

    assert report.exit_status() == 3
    assert "its normalization layers cannot be watched (inside of a loop" in str(report).replace("\n", " ")


def test_every_layer_of_a_usual_graph_is_looked_at(lab: Any) -> None:
    assert lab.diagnose(lab.healthy()).evidence.left_out == {}
