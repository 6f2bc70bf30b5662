"""Small graphs on the digits, and a sanity test of them in a few seconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

import steadynorm
from steadynorm import Report
from steadynorm.tensorflow import GraphSubject, batch_norm, create_train_op

v1 = tf.compat.v1
BATCH = 64

Network = Callable[[Any, Any], Any]
"""`network(x, mode)`: the output for images (N, 8, 8, 1)."""


def variable(name: str, *shape: int, begin: Any = None) -> Any:
    return v1.get_variable(name, shape, initializer=begin or v1.glorot_uniform_initializer(seed=len(name)))


def dense(x: Any, units: int, name: str, *, kernel: Any = None, bias: float = 0.0) -> Any:
    with v1.variable_scope(name):
        product = tf.matmul(x, variable("kernel", int(x.shape[-1]), units, begin=kernel))
        return tf.nn.bias_add(product, variable("bias", units, begin=v1.constant_initializer(bias)))


def flat(x: Any) -> Any:
    return tf.reshape(x, [-1, int(np.prod(x.shape.as_list()[1:]))])


def linear(x: Any, mode: Any) -> Any:
    return dense(flat(x), 10, "head")


def plain(activation: str, depth: int, kernel: Any = None) -> Network:
    """Equal dense layers before a head of ten classes."""

    def network(x: Any, mode: Any) -> Any:
        h = flat(x)
        for number in range(depth):
            h = getattr(tf.nn, activation)(dense(h, 64, f"hidden{number:02}", kernel=kernel))
        return dense(h, 10, "head", kernel=kernel)

    return network


def normalized(x: Any, mode: Any) -> Any:
    """A convolution, normalization and dropout."""
    x = tf.nn.relu(
        batch_norm(tf.nn.conv2d(x, variable("conv", 3, 3, 1, 16), 1, "SAME"), is_training=mode, scope="norm")
    )
    x = flat(tf.nn.max_pool2d(x, 2, 2, "VALID"))
    return dense(tf.nn.dropout(x, rate=tf.where(mode, 0.5, 0.0)), 10, "head")


def cross_entropy(output: Any, target: Any) -> Any:
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=target, logits=output))


def squared(output: Any, target: Any) -> Any:
    return tf.reduce_mean(tf.square(output - target))


class SanityLab:
    """Graphs on the digits and what a sanity test says about them.

    Attributes:
        train_data: batches (x, y): float32 (64, 8, 8, 1) in [0, 1] and int64 (64,).
    """

    variable, dense, flat = staticmethod(variable), staticmethod(dense), staticmethod(flat)
    linear, plain, normalized = staticmethod(linear), staticmethod(plain), staticmethod(normalized)
    batch_norm = staticmethod(batch_norm)
    cross_entropy, squared = staticmethod(cross_entropy), staticmethod(squared)

    def __init__(self) -> None:
        images, labels = load_digits(return_X_y=True)
        order = np.random.default_rng(0).permutation(len(images))
        x = (images[order] / 16.0).astype(np.float32).reshape(-1, 8, 8, 1)
        y = labels[order].astype(np.int64)
        self.train_data = [(x[at : at + BATCH], y[at : at + BATCH]) for at in range(0, 22 * BATCH, BATCH)]

    def subject(
        self,
        network: Network,
        *,
        loss: Callable[[Any, Any], Any] = cross_entropy,
        optimizer: Callable[[], Any] | None = None,
        train_op: Callable[[Any], Any] | None = None,
        data: Any = None,
        dtypes: tuple[Any, Any] = (tf.float32, tf.int64),
        **given: Any,
    ) -> GraphSubject:
        """The subject as a user would give it, with the train op of an optimizer where there is one.

        Arguments:
            network: the network.
            loss: `loss(output, target)`, as tensors.
            optimizer: makes an optimizer of TensorFlow.
            train_op: makes a train op of the loss, in place of an optimizer.
            data: the training data; those of the digits if not given.
            dtypes: of the placeholders.
            given: further fields of the subject.
        """
        data = self.train_data if data is None else data
        with tf.Graph().as_default() as graph:
            v1.set_random_seed(0)
            # As many programs have it, only the number of samples is open.
            x, y = (v1.placeholder(d, [None, *e.shape[1:]]) for d, e in zip(dtypes, data[0], strict=True))
            mode = v1.placeholder(tf.bool, ())
            output = network(x, mode)
            number = loss(output, y)
            if optimizer is not None:
                step = create_train_op(number, optimizer(), v1.train.get_or_create_global_step())
            else:
                step = None if train_op is None else train_op(number)
            session = v1.Session(graph=graph)
            session.run(v1.global_variables_initializer())
        fields = {"output": output, "loss": number, "train_op": step, "train_data": data, "name": "digits", **given}
        return GraphSubject(session=session, inputs=x, labels=y, mode=mode, **fields)

    def adam(self, rate: float = 1e-2) -> Any:
        return lambda: v1.train.AdamOptimizer(rate)

    def report(self, subject: GraphSubject, select: str | list[str] = "SN9", **given: Any) -> Report:
        """A sanity test; long enough for its slowest network on a busy machine."""
        return steadynorm.sanity(subject, select=select, progress=False, **{"seconds": 200, **given})

    def codes(self, subject: GraphSubject, select: str = "SN9", **given: Any) -> list[str]:
        return [found.code for found in self.report(subject, select, **given).findings]


@pytest.fixture(scope="session")
def sanity() -> SanityLab:
    return SanityLab()
