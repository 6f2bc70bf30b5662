"""A small residual network on the digits as graphs of TensorFlow 1, trained in a second, and how it is diagnosed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

import steadynorm
from steadynorm.tensorflow import GraphSubject, batch_norm, create_train_op

v1 = tf.compat.v1
BATCH = 64


@dataclass
class Net:
    """A graph with its session, and the tensors that a subject is made of."""

    session: Any
    x: Any
    y: Any
    mode: Any
    output: Any
    loss: Any
    metric: Any
    train_op: Any

    @property
    def graph(self) -> Any:
        return self.session.graph

    def value(self, name: str) -> Any:
        """The value of a variable, read without adding to the graph."""
        return self.session.run(next(each for each in self.graph.get_collection("variables") if each.op.name == name))

    def values(self) -> dict[str, Any]:
        """The values of all variables, likewise."""
        return self.session.run({each.op.name: each for each in self.graph.get_collection("variables")})

    def assign(self, values: dict[str, Any]) -> None:
        """Gives variables values, by their names, without adding to the graph."""
        given = [each for each in self.graph.get_collection("variables") if each.op.name in values]
        feed = {each.initializer.inputs[1]: values[each.op.name] for each in given}
        self.session.run([each.initializer for each in given], feed)


Normalize = Callable[[Any, Any, str], Any]
"""`normalize(x, mode, name)`: the normalized x."""


def by_contrib(**options: Any) -> Normalize:
    def normalize(x: Any, mode: Any, name: str) -> Any:
        return batch_norm(x, is_training=mode, scope=name, **{"decay": 0.9, "scale": True, **options})

    return normalize


def by_hand(x: Any, mode: Any, name: str) -> Any:
    """Moments and arithmetic, as people write it: two variables, a condition, two assignments."""
    with v1.variable_scope(name):
        channels = x.shape[-1]
        gamma = v1.get_variable("gamma", [channels], initializer=v1.ones_initializer())
        beta = v1.get_variable("beta", [channels], initializer=v1.zeros_initializer())
        mean = v1.get_variable("mean", [channels], initializer=v1.zeros_initializer(), trainable=False)
        variance = v1.get_variable("variance", [channels], initializer=v1.ones_initializer(), trainable=False)
        batch_mean, batch_variance = tf.nn.moments(x, list(range(x.shape.rank - 1)))

        def update() -> Any:
            moved = [
                v1.assign(mean, 0.9 * mean + 0.1 * batch_mean),
                v1.assign(variance, 0.9 * variance + 0.1 * batch_variance),
            ]
            with tf.control_dependencies(moved):
                return tf.identity(batch_mean), tf.identity(batch_variance)

        chosen = v1.cond(mode, update, lambda: (tf.identity(mean), tf.identity(variance)))
        return tf.nn.batch_normalization(x, *chosen, beta, gamma, 1e-3)


def minimized(loss: Any, rate: float) -> Any:
    """The train op of this package, which runs the updates."""
    step = v1.train.get_or_create_global_step()
    return create_train_op(loss, v1.train.AdamOptimizer(rate), global_step=step)


def without_updates(loss: Any, rate: float) -> Any:
    """The train op of somebody who does not know of the updates."""
    return v1.train.AdamOptimizer(rate).minimize(loss, v1.train.get_or_create_global_step())


def logits(x: Any, mode: Any, normalize: Normalize) -> Any:
    """Convolution, one residual block, linear layers; normalized after each but the last. x has shape (N, 8, 8, 1)."""

    def kernel(name: str, *shape: int) -> Any:
        return v1.get_variable(name, shape, initializer=v1.glorot_uniform_initializer(seed=len(name)))

    x = tf.nn.relu(normalize(tf.nn.conv2d(x, kernel("conv", 3, 3, 1, 16), 1, "SAME"), mode, "norm"))
    x = tf.nn.relu(normalize(tf.nn.conv2d(x, kernel("inner", 3, 3, 16, 16), 1, "SAME"), mode, "inner_norm")) + x
    x = tf.reshape(tf.nn.max_pool2d(x, 2, 2, "VALID"), [-1, 256])
    x = tf.nn.relu(normalize(tf.matmul(x, kernel("hidden", 256, 32)), mode, "hidden_norm"))
    return tf.matmul(x, kernel("head", 32, 10))


class Lab:
    """What the tests need: networks, training, and a diagnosis on the digits.

    Attributes:
        train_data: batches (x, y): float32 (64, 8, 8, 1) in [0, 1] and int64 (64,).
        validation_data: likewise.
    """

    by_contrib = staticmethod(by_contrib)
    by_hand = staticmethod(by_hand)
    minimized = staticmethod(minimized)
    without_updates = staticmethod(without_updates)
    logits = staticmethod(logits)

    def __init__(self, of_reports: Any) -> None:
        self.codes, self.assert_first = of_reports.codes, of_reports.assert_first
        self.assert_healthy = of_reports.assert_healthy
        images, labels = load_digits(return_X_y=True)
        order = np.random.default_rng(0).permutation(len(images))
        x = (images[order] / 16.0).astype(np.float32).reshape(-1, 8, 8, 1)
        y = labels[order].astype(np.int64)
        batches = [(x[at : at + BATCH], y[at : at + BATCH]) for at in range(0, len(x), BATCH)]
        self.train_data, self.validation_data = batches[:22], batches[22:]
        self._kept: dict[str, tuple[Net, dict[str, Any]]] = {}

    def build(
        self,
        normalize: Normalize | None = None,
        *,
        train_op: Callable[[Any, float], Any] = minimized,
        rate: float = 3e-3,
        network: Callable[..., Any] = logits,
        mode: Callable[[], Any] | None = None,
    ) -> Net:
        """A network with its variables initialized, the same every time."""
        graph = tf.Graph()
        with graph.as_default():
            v1.set_random_seed(0)
            x, y = v1.placeholder(tf.float32, [None, 8, 8, 1], "x"), v1.placeholder(tf.int64, [None], "y")
            chosen = v1.placeholder(tf.bool, (), "mode") if mode is None else mode()
            output = network(x, chosen, normalize or by_contrib())
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=output))
            metric = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(output, 1), y), tf.float32))
            step = train_op(loss, rate)
            session = v1.Session(graph=graph)
            session.run(v1.global_variables_initializer())
        fed = chosen if isinstance(chosen, tf.Tensor) and "laceholder" in chosen.op.type else None
        return Net(session, x, y, fed, output, loss, metric, step)

    def train(self, net: Net, *, epochs: int = 4, feed: dict[Any, Any] | None = None) -> Net:
        """Trains in the plain way: one run of the train op for each batch."""
        given = ({net.mode: True} if net.mode is not None else {}) if feed is None else feed
        for _ in range(epochs):
            for x, y in self.train_data:
                net.session.run(net.train_op, {net.x: x, net.y: y, **given})
        return net

    def healthy(self) -> Net:
        """The network as it should be, trained; one for all tests, which add nothing to its graph."""
        return self._shared("healthy", lambda: self.train(self.build()))

    def stale(self) -> Net:
        """The network trained without the updates; one for all tests, which add nothing to its graph."""
        return self._shared("stale", lambda: self.train(self.build(train_op=without_updates)))

    def _shared(self, name: str, make: Callable[[], Net]) -> Net:
        """A network that is made once, and has the values that it had then each time that a test asks for it."""
        if name not in self._kept:
            made = make()
            self._kept[name] = made, made.values()
        net, values = self._kept[name]
        net.assign(values)
        return net

    def subject(self, net: Net, **options: Any) -> GraphSubject:
        given = {
            "session": net.session,
            "inputs": net.x,
            "labels": net.y,
            "mode": net.mode,
            "output": net.output,
            "loss": net.loss,
            "metric": net.metric,
            "train_op": net.train_op,
            "train_data": self.train_data,
            "validation_data": self.validation_data,
            **options,
        }
        return GraphSubject(**given)

    def diagnose(self, net: Net, **options: Any) -> steadynorm.Report:
        """A diagnosis on the digits with loss and accuracy."""
        return steadynorm.diagnose(self.subject(net, **options), progress=False)

    def accuracy(self, net: Net, data: Any) -> float:
        """The part of the samples that inference of the session itself gets right."""
        feed = {} if net.mode is None else {net.mode: False}
        right = sum(len(y) * net.session.run(net.metric, {net.x: x, net.y: y, **feed}) for x, y in data)
        return float(right / sum(len(y) for _, y in data))


@pytest.fixture(scope="session")
def lab(of_reports: Any) -> Lab:
    return Lab(of_reports)
