"""How people write it: tutorials, frameworks on top of TensorFlow, notebooks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from steadynorm.artifacts import formats
from steadynorm.finding import Finding, Severity
from steadynorm.tensorflow import batch_norm, batch_normalization

v1 = tf.compat.v1
Read = Callable[..., dict[str, Finding]]
RELU = tf.nn.relu

# A function cannot create variables.
OF_SWITCHES = pytest.mark.parametrize("control_flow", ["switch"], indirect=True)


def codes(found: dict[str, Finding], least: Severity = Severity.WARNING) -> set[str]:
    return {code for code, each in found.items() if each.severity.rank >= least.rank}


def own_variables(channels: int) -> dict[str, Any]:
    initial = {"scale": 1.0, "beta": 0.0, "mean": 0.0, "variance": 1.0}
    return {
        name: v1.get_variable(
            name, [channels], initializer=v1.constant_initializer(value), trainable=name in ("scale", "beta")
        )
        for name, value in initial.items()
    }


@pytest.mark.parametrize("run", [True, False])
def test_assignments_by_hand_under_control_dependencies(net: Any, read: Read, run: bool) -> None:
    x = net.convolution(net.images())
    own = own_variables(4)
    mean, variance = tf.nn.moments(x, [0, 1, 2])
    updates = [
        v1.assign(own["mean"], own["mean"] * 0.99 + mean * (1 - 0.99)),
        v1.assign(own["variance"], own["variance"] * 0.99 + variance * (1 - 0.99)),
    ]
    with tf.control_dependencies(updates if run else []):
        y = tf.nn.batch_normalization(x, mean, variance, own["beta"], own["scale"], 1e-3)
    net.train(RELU(y))

    assert codes(read()) == (set() if run else {"SN101", "SN201"})


def test_moments_chosen_by_a_condition_with_the_updates_outside(net: Any, read: Read) -> None:
    x = net.convolution(net.images())
    own = own_variables(4)
    mean, variance = tf.nn.moments(x, [0, 1, 2])
    updates = [
        v1.assign_sub(own["mean"], (own["mean"] - mean) * 0.1),
        v1.assign_sub(own["variance"], (own["variance"] - variance) * 0.1),
    ]
    kept = [tf.identity(own["mean"]), tf.identity(own["variance"])]
    with tf.control_dependencies(updates):
        chosen = v1.cond(net.mode(), lambda: (tf.identity(mean), tf.identity(variance)), lambda: tuple(kept))
    y = tf.nn.batch_normalization(x, *chosen, own["beta"], own["scale"], 1e-3)
    net.train(RELU(y))

    assert codes(read()) == {"SN207"}


def test_training_outside_and_inference_inside_of_the_condition(net: Any, read: Read) -> None:
    """As Keras 2 does on TensorFlow 1, with updates that only its own train function runs."""
    x = net.convolution(net.images())
    own = own_variables(4)
    kept = [tf.identity(own["mean"]), tf.identity(own["variance"])]
    moments = tf.nn.moments(x, [0, 1, 2])
    batch = tf.nn.batch_normalization(x, *moments, own["beta"], own["scale"], 1e-3)
    beta, scale = tf.identity(own["beta"]), tf.identity(own["scale"])
    y = v1.cond(
        net.mode(default=False),
        lambda: tf.identity(batch),
        lambda: tf.nn.batch_normalization(x, *kept, beta, scale, 1e-3),
    )
    updates = [
        v1.assign_sub(own["mean"], (own["mean"] - moments[0]) * 0.01),
        v1.assign_sub(own["variance"], (own["variance"] - moments[1]) * 0.01),
    ]
    net.train(RELU(y), updates=updates)

    assert not read()


@OF_SWITCHES
def test_a_whole_network_in_each_branch(net: Any, read: Read, control_flow: str) -> None:
    x = net.images()

    def network(training: bool) -> Any:
        with v1.variable_scope("network", reuse=not training):
            h = RELU(batch_norm(net.convolution(x), is_training=training, updates_collections=None, scope="bn"))
            return RELU(
                batch_norm(net.convolution(h, 5, "c2"), is_training=training, updates_collections=None, scope="b2")
            )

    net.train(v1.cond(net.mode(), lambda: network(True), lambda: network(False)))

    assert not read()


@pytest.mark.parametrize("inference", [True, False], ids=["in inference mode", "in training mode"])
def test_a_second_application_for_validation(net: Any, read: Read, inference: bool) -> None:
    def network(x: Any, training: bool, reuse: bool) -> Any:
        with v1.variable_scope("network", reuse=reuse):
            x = batch_normalization(net.convolution(x), training=training, name="bn", reuse=reuse)
            return net.logits(RELU(x))

    loss = net.loss(network(net.images(), True, False))
    updates = v1.get_collection(v1.GraphKeys.UPDATE_OPS)
    tf.nn.softmax(network(net.images(), not inference, True))
    net.minimize(loss, updates=updates)

    assert codes(read()) == (set() if inference else {"SN201"})


@pytest.mark.parametrize("last", [True, False], ids=["right at last", "wrong at last"])
def test_a_cell_that_ran_twice(net: Any, read: Read, last: bool) -> None:
    for index, is_right in enumerate((not last, last)):
        with v1.variable_scope(f"copy{index}"):
            first = len(v1.get_collection(v1.GraphKeys.UPDATE_OPS))
            x = batch_normalization(net.convolution(net.images()), training=net.mode())
            updates = v1.get_collection(v1.GraphKeys.UPDATE_OPS)[first:]
            variables = v1.trainable_variables(f"copy{index}")
            net.train(RELU(x), updates=updates if is_right else None, var_list=variables or None)

    assert codes(read()) == (set() if last else {"SN101"})


@pytest.mark.parametrize("passed", [True, False])
def test_shadow_statistics_that_start_without_bias(net: Any, read: Read, tmp_path: Path, passed: bool) -> None:
    x = batch_norm(
        net.convolution(net.images()),
        is_training=net.mode(),
        zero_debias_moving_mean=passed,
        decay=0.9,
    )
    net.train(RELU(x), updates=True)

    assert not read()
    (layer,) = formats.read(tmp_path / "model.meta").graph.layers
    assert (layer.mean, layer.variance) == ("BatchNorm/moving_mean", "BatchNorm/moving_variance")


def test_gradients_that_are_summed_over_several_batches(net: Any, read: Read) -> None:
    x = batch_normalization(net.convolution(net.images()), training=net.mode())
    loss = net.loss(net.logits(RELU(x)))
    optimizer = v1.train.AdamOptimizer()
    pairs = optimizer.compute_gradients(loss)
    sums = [(v1.Variable(tf.zeros(each.shape), trainable=False), each) for _, each in pairs]
    with tf.control_dependencies(v1.get_collection(v1.GraphKeys.UPDATE_OPS)):
        tf.group(*(v1.assign_add(total, gradient) for (total, _), (gradient, _) in zip(sums, pairs, strict=True)))
    optimizer.apply_gradients([(tf.identity(total), each) for total, each in sums])

    assert not read()
