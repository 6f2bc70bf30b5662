"""Layers that are trained in inference mode are named, also where they stand in branches and loops, and no others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import tensorflow as tf

from steadynorm.tensorflow import batch_norm
from steadynorm.tensorflow.inference_mode import layers_fixed_in_inference

v1 = tf.compat.v1


@pytest.fixture(autouse=True, params=["functional", "switches"])
def control_flow(request: Any) -> Iterator[str]:
    before = v1.control_flow_v2_enabled()
    (v1.enable_control_flow_v2 if request.param == "functional" else v1.disable_control_flow_v2)()
    try:
        with tf.Graph().as_default():
            yield request.param
    finally:
        (v1.enable_control_flow_v2 if before else v1.disable_control_flow_v2)()


def norm(y: Any, training: bool, scope: str = "bn") -> Any:
    return batch_norm(y, is_training=training, updates_collections=None, scope=scope)


def dense(y: Any) -> Any:
    return tf.matmul(y, v1.get_variable("dense", [2, 2]))


def branch(then: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
    return v1.cond(v1.placeholder_with_default(True, []), then, otherwise)


def loop(y: Any, body: Callable[[Any], Any]) -> Any:
    norm(y, False)  # makes the variables outside, and is no part of the loss
    return v1.while_loop(lambda i, _: i < 2, lambda i, z: (i + 1, body(z)), [tf.constant(0), y])[1]


def train(build: Callable[[Any], Any]) -> Any:
    y = dense(v1.placeholder_with_default([[1.0, 2.0], [3.0, 6.0]], [2, 2]))
    with v1.variable_scope("", reuse=v1.AUTO_REUSE, use_resource=True):
        y = build(y)
    return v1.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_mean(tf.square(y - 1.0)))


FIXED: dict[str, Callable[[Any], Any]] = {
    "one branch": lambda y: branch(lambda: norm(y, False), lambda: y),
    "both branches": lambda y: branch(lambda: norm(y, False), lambda: norm(2.0 * y, False)),
    "a branch and outside": lambda y: branch(lambda: norm(y, False), lambda: y) + norm(y, False),
    "a loop": lambda y: loop(y, lambda z: norm(z, False)),
    "a branch in a loop": lambda y: loop(y, lambda z: branch(lambda: norm(z, False), lambda: z)),
}
SOUND: dict[str, Callable[[Any], Any]] = {
    "one branch": lambda y: branch(lambda: norm(y, True), lambda: y),
    "either branch": lambda y: branch(lambda: norm(y, True), lambda: norm(y, False)),
    "in inference mode outside": lambda y: branch(lambda: norm(y, True), lambda: y) + norm(y, False),
    "a loop": lambda y: loop(y, lambda z: norm(z, True)),
    "a loop, in inference mode behind it": lambda y: norm(loop(y, lambda z: norm(z, True)), False),
    "a branch in a loop": lambda y: loop(y, lambda z: branch(lambda: norm(z, True), lambda: norm(z, False))),
}


@pytest.mark.parametrize("case", FIXED)
def test_a_layer_that_is_in_inference_mode_wherever_it_is_trained_is_named(case: str) -> None:
    assert layers_fixed_in_inference(train(FIXED[case])) == ("bn",)


@pytest.mark.parametrize("case", SOUND)
def test_a_layer_that_is_trained_in_a_branch_or_loop_is_not_named(case: str) -> None:
    assert layers_fixed_in_inference(train(SOUND[case])) == ()


def test_what_the_train_op_does_not_run_counts_for_nothing() -> None:
    def build(y: Any) -> Any:
        branch(lambda: norm(y, True, "aside"), lambda: y)
        branch(lambda: norm(y, False, "unused"), lambda: y)
        return norm(y, False, "aside")

    assert layers_fixed_in_inference(train(build)) == ("aside",)


@pytest.mark.parametrize("control_flow", ["functional"], indirect=True)
def test_a_layer_by_hand_that_is_moved_where_functions_hide_how_is_not_named() -> None:
    def by_hand(y: Any, moves: bool) -> Any:
        gamma, beta = (v1.get_variable(f"own/{name}", [2], initializer=v1.ones_initializer()) for name in "gb")
        mean, variance = (
            v1.get_variable(f"own/{name}", [2], initializer=v1.ones_initializer(), trainable=False)
            for name in ("moving_mean", "moving_variance")
        )

        def moved() -> Any:
            with tf.control_dependencies([mean.assign_sub(0.1 * (mean - tf.reduce_mean(y, 0)), read_value=False)]):
                return tf.identity(y)

        y = branch(moved, lambda: y) if moves else y
        return tf.nn.batch_normalization(y, mean, variance, beta, gamma, 1e-3)

    assert layers_fixed_in_inference(train(lambda y: by_hand(y, False))) == ("own",)
    with tf.Graph().as_default():
        assert layers_fixed_in_inference(train(lambda y: by_hand(y, True))) == ()
