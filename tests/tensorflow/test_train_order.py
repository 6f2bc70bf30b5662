"""What a step runs before what, and what must not wait for a step: the optimizer's own initialization."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from steadynorm.tensorflow import assert_updates_run, batch_norm, create_train_op, minimize

v1 = tf.compat.v1
KEYS = v1.GraphKeys
X = np.array([[1.0, 2.0], [3.0, 6.0], [5.0, 1.0]], np.float32)


@pytest.fixture(autouse=True)
def _graph() -> Iterator[None]:
    with tf.Graph().as_default():
        yield


def network(x: Any) -> Any:
    return tf.reduce_mean(tf.square(batch_norm(x, 0.5, scale=True, scope="bn") - 1.0))


def step(make: str, optimizer: Any, loss: Any) -> Any:
    if make == "minimize":
        return minimize(optimizer, loss, v1.train.get_or_create_global_step())
    return create_train_op(loss, optimizer)


def variable(name: str) -> Any:
    (found,) = (each for each in v1.global_variables() if each.op.name == name)
    return found


# The thread that hands out tokens waits for the next step when the session is closed under it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("make", ["create_train_op", "minimize"])
def test_an_optimizer_that_synchronizes_workers_initializes_itself_without_a_batch(make: str) -> None:
    x = v1.placeholder(tf.float32, [None, 2])
    optimizer = v1.train.SyncReplicasOptimizer(
        v1.train.GradientDescentOptimizer(0.1), replicas_to_aggregate=1, total_num_replicas=1
    )
    train_op = step(make, optimizer, network(x))
    assert_updates_run(train_op)
    before = set(threading.enumerate())
    hook = optimizer.make_session_run_hook(True, num_tokens=1)
    with v1.train.MonitoredTrainingSession(hooks=[hook], stop_grace_period_secs=1) as session:
        for _ in range(3):
            session.run(train_op, {x: X})
        mean, beta = session.run([variable("bn/moving_mean"), variable("bn/beta")])
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
    np.testing.assert_allclose(mean, (1 - 0.5**3) * X.mean(0), rtol=1e-5)
    # The gradient of the mean of (beta + gamma · normalized − 1)² for beta is that of (beta − 1)²: 2 · (beta − 1) / 2.
    steps = 1 - 0.9 ** np.arange(2, 4)
    assert min(np.abs(beta - expected).max() for expected in steps) < 1e-5


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("make", ["create_train_op", "minimize"])
def test_variables_are_changed_only_after_the_updates(make: str, sparse: bool) -> None:
    loss = network(tf.constant(X))
    if sparse:
        rows = v1.get_variable("rows", [2, 1], initializer=v1.ones_initializer())
        loss = loss * tf.reduce_sum(tf.nn.embedding_lookup(rows, [0, 1]))
    trained = variable("rows" if sparse else "bn/beta")
    initial = np.ones([2, 1]) if sparse else np.zeros(2)
    seen = v1.get_variable("seen", trained.shape, initializer=v1.constant_initializer(7.0), trainable=False)
    slow = tf.foldl(lambda a, b: tf.tanh(a) + b, tf.ones([2000]))
    with tf.control_dependencies([slow]):
        v1.add_to_collection(KEYS.UPDATE_OPS, v1.assign(seen, trained.read_value()).op)
    train_op = step(make, v1.train.GradientDescentOptimizer(0.5), loss)
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        session.run(train_op)
        np.testing.assert_array_equal(session.run(seen), initial)
        assert (session.run(trained) != initial).any()
