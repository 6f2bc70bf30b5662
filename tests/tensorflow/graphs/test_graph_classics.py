"""The four classic wrong versions and the right one, told apart from their MetaGraphDef alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import tensorflow as tf

from steadynorm.finding import Certainty, Finding
from steadynorm.tensorflow import batch_norm, batch_normalization

v1 = tf.compat.v1
Read = Callable[..., dict[str, Finding]]

# A function cannot assign to a reference variable or hand it over.
ASSIGNABLE = pytest.mark.parametrize(
    ("control_flow", "variables"),
    [("switch", "reference"), ("switch", "resource"), ("functional", "resource")],
    indirect=True,
)

# A function cannot create variables.
OF_SWITCHES = pytest.mark.parametrize("control_flow", ["switch"], indirect=True)


def hand_written(x: Any, training: Any, keep: bool) -> Any:
    """Averages written by hand, as in many tutorials; their update runs with the moments, or is dropped."""
    beta = v1.get_variable("beta", x.shape[-1:], initializer=v1.zeros_initializer())
    gamma = v1.get_variable("gamma", x.shape[-1:], initializer=v1.ones_initializer())
    moments = tf.nn.moments(x, [0, 1, 2])
    averages = v1.train.ExponentialMovingAverage(0.9)

    def update() -> Any:
        with tf.control_dependencies([averages.apply(moments)]):
            return tf.identity(moments[0]), tf.identity(moments[1])

    if keep:
        return tf.nn.batch_normalization(
            x, *v1.cond(training, update, lambda: tuple(map(averages.average, moments))), beta, gamma, 1e-3
        )
    averages.apply(moments)
    kept = [averages.average(each) for each in moments]
    mean, variance = v1.cond(training, lambda: tuple(moments), lambda: tuple(map(tf.identity, kept)))
    return tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-3)


def test_a_mode_fixed_when_the_graph_is_built_and_plain_minimize(net: Any, read: Read) -> None:
    x = net.convolution(net.images(), 4)
    net.train(tf.nn.relu(batch_normalization(x, training=True)))

    found = read()

    assert set(found) == {"SN101", "SN201"}
    assert found["SN101"].certainty is Certainty.LIKELY
    assert found["SN101"].layers == ("batch_normalization",)


def test_two_layers_built_outside_the_condition_that_chooses_between_them(net: Any, read: Read) -> None:
    x = net.convolution(net.images(), 4)
    training = net.mode()
    options: dict[str, Any] = {"scope": "bn", "updates_collections": None, "decay": 0.9}
    one = batch_norm(x, is_training=True, **options)
    other = batch_norm(x, is_training=False, reuse=True, **options)
    net.train(tf.nn.relu(v1.cond(training, lambda: one, lambda: other)))

    found = read()

    assert set(found) == {"SN207"}
    assert "outside the branches" in found["SN207"].message


def test_averages_written_by_hand_whose_update_is_dropped(net: Any, read: Read) -> None:
    x = net.convolution(net.images(), 4)
    net.train(tf.nn.relu(hand_written(x, net.mode(), keep=False)))

    found = read()

    assert set(found) == {"SN101"}
    assert "ema.apply()" in found["SN101"].remedy


def test_a_second_build_for_inference_with_variables_of_its_own(net: Any, read: Read) -> None:
    def network(x: Any, training: bool) -> Any:
        x = tf.nn.relu(batch_normalization(net.convolution(x, 4, "conv1"), training=training))
        return tf.nn.relu(batch_normalization(net.convolution(x, 5, "conv2"), training=training))

    with v1.variable_scope("train"):
        value = net.loss(net.logits(network(net.images(), True)))
    with v1.variable_scope("test"):
        tf.nn.softmax(net.logits(network(net.images(), False)))
    with tf.control_dependencies(v1.get_collection(v1.GraphKeys.UPDATE_OPS)):
        net.minimize(value)

    found = read()

    assert set(found) == {"SN206"}
    assert found["SN206"].evidence["pairs"] == [
        ["train/batch_normalization", "test/batch_normalization"],
        ["train/batch_normalization_1", "test/batch_normalization_1"],
    ]


@ASSIGNABLE
def test_branches_built_inside_the_condition_with_shared_variables(
    net: Any, read: Read, control_flow: str, variables: str
) -> None:
    x = net.convolution(net.images(), 4)
    options: dict[str, Any] = {"scope": "bn", "updates_collections": None, "decay": 0.9}
    with v1.variable_scope("bn"):  # variables are created outside, as conditions that are functions want it
        for name in ("moving_mean", "moving_variance"):
            v1.get_variable(name, [4], trainable=False)
        v1.get_variable("beta", [4])
    y = v1.cond(
        net.mode(),
        lambda: batch_norm(x, is_training=True, reuse=True, **options),
        lambda: batch_norm(x, is_training=False, reuse=True, **options),
    )
    net.train(tf.nn.relu(y))

    assert not read()


@OF_SWITCHES
def test_averages_written_by_hand_and_run(net: Any, read: Read, control_flow: str) -> None:
    x = net.convolution(net.images(), 4)
    net.train(tf.nn.relu(hand_written(x, net.mode(), keep=True)))

    assert not read()
