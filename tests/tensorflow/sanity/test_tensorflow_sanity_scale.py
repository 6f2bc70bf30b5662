"""SN905 and SN907 on graphs: scales before training, broken beside healthy, by the common table."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from steadynorm.finding import Severity

v1 = tf.compat.v1
TABLE = json.loads((Path(__file__).parents[2] / "data" / "sanity.json").read_text())


@pytest.mark.parametrize("deviation", TABLE["deviations"])
def test_plain_normal_weights_of_the_wrong_scale(sanity: Any, deviation: float) -> None:
    normal = v1.random_normal_initializer(stddev=deviation, seed=0)

    found = sanity.report(sanity.subject(sanity.plain("relu", 3, normal)), "SN905").findings[0]

    assert "wrong scale" in found.message
    assert set(found.layers) == {f"{name}/kernel" for name in ("hidden00", "hidden01", "hidden02", "head")}


@pytest.mark.parametrize("kernel", [v1.glorot_uniform_initializer(seed=0), v1.keras.initializers.he_normal(seed=0)])
def test_usual_initializers_are_right(sanity: Any, kernel: Any) -> None:
    assert sanity.codes(sanity.subject(sanity.plain("relu", 3, kernel)), "SN905") == []


def test_kernels_of_every_shape_are_right(sanity: Any) -> None:
    """TensorFlow's usual initial weights, and how many inputs each output sums up, counted by hand."""

    def network(x: Any, mode: Any) -> Any:
        x = tf.nn.conv2d(x, sanity.variable("conv", 3, 3, 1, 8), 1, "SAME")
        x = tf.nn.depthwise_conv2d(x, sanity.variable("depth", 3, 3, 8, 2), [1, 1, 1, 1], "SAME")
        x = tf.nn.conv2d_transpose(x, sanity.variable("back", 3, 3, 4, 16), [64, 8, 8, 4], 1)
        words = tf.nn.embedding_lookup(sanity.variable("words", 5, 64), tf.zeros([64], tf.int32))
        x = tf.tensordot(x, sanity.variable("inner", 4, 6), 1)
        x = tf.matmul(sanity.flat(x), sanity.variable("turned", 64, 384), transpose_b=True) + words
        scale = sanity.variable("scale", 1, 64, begin=v1.ones_initializer())
        return tf.matmul(x * scale, sanity.variable("head", 64, 10))

    report = sanity.report(sanity.subject(network), "SN905")

    assert not report.findings
    assert {each.name: each.inputs for each in report.evidence.experiments.first.weights} == {
        "conv": 9 * 1,
        "depth": 9,
        "back": 9 * 16,
        "inner": 4,
        "turned": 8 * 8 * 6,
        "head": 64,
    }


def scaled(sanity: Any, factor: float) -> Any:
    """Weights as usual, and a head of them times a factor."""

    def network(x: Any, mode: Any) -> Any:
        h = sanity.plain("relu", 2)(x, mode)
        begin = v1.random_normal_initializer(stddev=0.3 * factor, seed=0)
        return sanity.dense(tf.nn.relu(h), 10, "last", kernel=begin)

    return network


@pytest.mark.parametrize(("factor", "expected"), TABLE["first_loss"])
def test_a_first_loss_far_from_chance_is_named(sanity: Any, factor: float, expected: bool) -> None:
    messages = [found.message for found in sanity.report(sanity.subject(scaled(sanity, factor)), "SN905").findings]

    assert any(f"chance gives ln(10) = {math.log(10):.3g}" in message for message in messages) == expected


def test_weight_decay_is_no_part_of_the_first_loss(sanity: Any) -> None:
    """A loss of 2.3 by chance, and thousands of weight decay beside it."""

    def loss(output: Any, target: Any) -> Any:
        return tf.add_n(
            [sanity.cross_entropy(output, target), *(10 * tf.nn.l2_loss(e) for e in v1.trainable_variables())]
        )

    first = sanity.report(sanity.subject(sanity.linear, loss=loss), ["SN905", "SN907"]).evidence.experiments.first

    assert first.chance == pytest.approx(math.log(10), rel=1e-5)
    assert first.loss < 4
    assert not first.terms


def test_a_trained_graph_is_not_judged_by_its_scale(sanity: Any) -> None:
    normal = v1.random_normal_initializer(stddev=2.0, seed=0)
    subject = sanity.subject(sanity.plain("relu", 2, normal), optimizer=sanity.adam())
    assert set(sanity.codes(subject, "SN905")) == {"SN905"}
    x, y = sanity.train_data[0]
    feed = {subject.inputs: x, subject.labels: y, subject.mode: True}
    subject.session.run(subject.train_op, feed)

    assert sanity.codes(subject, "SN905") == []


def test_an_evaluation_is_no_training(sanity: Any) -> None:
    """Metrics count in local variables."""
    normal = v1.random_normal_initializer(stddev=2.0, seed=0)

    def loss(output: Any, target: Any) -> Any:
        v1.metrics.accuracy(target, tf.argmax(output, 1))
        return sanity.cross_entropy(output, target)

    subject = sanity.subject(sanity.plain("relu", 2, normal), loss=loss)
    graph = subject.session.graph
    with graph.as_default():
        subject.session.run(v1.local_variables_initializer())
    x, y = sanity.train_data[0]
    update = graph.get_tensor_by_name("accuracy/update_op:0")
    subject.session.run(update, {subject.inputs: x, subject.labels: y, subject.mode: False})

    assert set(sanity.codes(subject, "SN905")) == {"SN905"}


@pytest.mark.parametrize(("activation", "expected"), TABLE["gradients"])
def test_gradients_vanish_through_sigmoids_and_not_through_relus(sanity: Any, activation: str, expected: bool) -> None:
    messages = [
        found.message for found in sanity.report(sanity.subject(sanity.plain(activation, 12)), "SN905").findings
    ]

    assert [("gradients vanish" in message) for message in messages] == [True] * expected


def test_activations_that_are_not_finite_are_named(sanity: Any) -> None:
    def network(x: Any, mode: Any) -> Any:
        return sanity.dense(sanity.dense(sanity.flat(x), 32, "body", kernel=v1.constant_initializer(1e38)), 10, "head")

    found = sanity.report(sanity.subject(network), "SN905").findings

    assert [each.layers for each in found if "not finite" in each.message] == [("body/MatMul",)]


@pytest.mark.parametrize("checked", [True, False], ids=["a train op that checks", "a plain one"])
def test_a_training_that_leaves_the_finite_numbers(sanity: Any, checked: bool) -> None:
    def logarithm(output: Any, target: Any) -> Any:
        return -tf.reduce_mean(tf.math.log(tf.nn.relu(tf.gather(output, target, batch_dims=1))))

    step = {"optimizer": sanity.adam()} if checked else {"train_op": v1.train.AdamOptimizer(1e-2).minimize}
    subject = sanity.subject(sanity.linear, loss=logarithm, **step)

    found = sanity.report(subject, "SN905").findings

    assert [(each.evidence, each.severity) for each in found] == [({"step": 1}, Severity.ERROR)]


@pytest.mark.parametrize(("weight", "expected"), TABLE["terms"])
@pytest.mark.parametrize("listed", [True, False], ids=["tf.add_n", "a sum"])
def test_terms_of_a_loss(sanity: Any, weight: float, expected: list[str], listed: bool) -> None:
    def loss(output: Any, target: Any) -> Any:
        with tf.name_scope("size"):
            size = weight * tf.reduce_mean(tf.square(output))
        entropy = sanity.cross_entropy(output, target)
        return tf.add_n([entropy, size]) if listed else tf.identity(entropy + size)

    report = sanity.report(sanity.subject(sanity.linear, loss=loss), "SN907")

    assert [found.code for found in report.findings] == expected
    terms = report.evidence.experiments.first.terms
    assert sorted(name.partition("/")[0] for name in terms) == ["Mean", "size"]
    assert all(np.isfinite(each.gradient) for each in terms.values())
