"""Updates that a layer collects inside a branch or a loop run with no step, and are named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import tensorflow as tf

from steadynorm.tensorflow import UpdatesNotRunError, assert_updates_run, batch_norm

v1 = tf.compat.v1


@pytest.fixture(autouse=True, params=["functional", "switches"])
def _graph(request: Any) -> Iterator[None]:
    before = v1.control_flow_v2_enabled()
    (v1.enable_control_flow_v2 if request.param == "functional" else v1.disable_control_flow_v2)()
    try:
        with tf.Graph().as_default():
            # The functions of today's control flow cannot write references, the variables of TensorFlow 1.
            v1.get_variable_scope().set_use_resource(True if request.param == "functional" else None)
            yield
    finally:
        (v1.enable_control_flow_v2 if before else v1.disable_control_flow_v2)()


def branch(x: Any, **options: Any) -> Any:
    training = v1.placeholder_with_default(True, [])
    return v1.cond(
        training,
        lambda: batch_norm(x, 0.5, is_training=True, scope="bn", **options),
        lambda: batch_norm(x, 0.5, is_training=False, scope="bn", reuse=True, **options),
    )


def loop(x: Any, **options: Any) -> Any:
    batch_norm(x, scope="bn", is_training=False)  # makes the variables outside
    return v1.while_loop(
        lambda i, _: i < 2,
        lambda i, y: (i + 1, batch_norm(y, 0.5, scope="bn", reuse=True, **options)),
        [tf.constant(0), x],
    )[1]


def step(build: Any, **options: Any) -> Any:
    x = v1.placeholder_with_default([[1.0, 2.0], [3.0, 6.0], [5.0, 1.0]], [3, 2])
    loss = tf.reduce_mean(tf.square(build(x, **options) - 1.0))
    return v1.train.GradientDescentOptimizer(0.1).minimize(loss)


def moves(op: Any) -> bool:
    (mean,) = (each for each in v1.global_variables() if each.op.name == "bn/moving_mean")
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        session.run(op)
        return bool((session.run(mean) != 0).any())


@pytest.mark.parametrize("build", [branch, loop])
def test_collected_updates_inside_are_named_with_the_remedy(build: Any) -> None:
    op = step(build)
    with pytest.raises(UpdatesNotRunError, match="inside a condition, loop or function") as raised:
        assert_updates_run(op)
    assert [each.variable for each in raised.value.missed] == ["bn/moving_mean", "bn/moving_variance"]
    assert all(each.inside for each in raised.value.missed)
    assert "updates_collections=None" in str(raised.value)
    assert "GraphKeys.UPDATE_OPS" not in str(raised.value)
    assert not moves(op)
    assert_updates_run(op, except_for="bn/")


@pytest.mark.parametrize("build", [branch, loop])
def test_updates_that_are_part_of_the_output_run_from_inside(build: Any) -> None:
    op = step(build, updates_collections=None)
    assert_updates_run(op)
    assert moves(op)


def test_updates_that_the_branch_itself_waits_for_run() -> None:
    def waiting(x: Any) -> Any:
        def train() -> Any:
            y = batch_norm(x, 0.5, scope="bn")
            with tf.control_dependencies(v1.get_collection(v1.GraphKeys.UPDATE_OPS)):
                return tf.identity(y)

        infer = lambda: batch_norm(x, is_training=False, scope="bn", reuse=True)  # noqa: E731
        return v1.cond(v1.placeholder_with_default(True, []), train, infer)

    op = step(waiting)
    assert_updates_run(op)
    assert moves(op)
