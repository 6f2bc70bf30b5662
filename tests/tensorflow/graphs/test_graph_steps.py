"""Several train steps in one graph: of several networks, or of one, with several optimizers or summed gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import tensorflow as tf

from steadynorm.finding import Finding
from steadynorm.tensorflow import batch_normalization

v1 = tf.compat.v1
Read = Callable[..., dict[str, Finding]]
RELU = tf.nn.relu


def trunk_and_head(net: Any) -> Any:
    """The loss of a trunk and a head, each with a layer, under scopes of their names."""
    mode = net.mode()
    with v1.variable_scope("trunk"):
        x = RELU(batch_normalization(net.convolution(net.images()), training=mode))
    with v1.variable_scope("head"):
        x = RELU(batch_normalization(net.convolution(x), training=mode))
        return net.loss(net.logits(x))


def accumulated(net: Any, updates: bool) -> None:
    """Sums gradients up over several batches, and applies the sums with a step of its own."""
    loss = trunk_and_head(net)
    optimizer = v1.train.AdamOptimizer()
    sums = [v1.get_variable(f"sum{index}", each.shape, initializer=v1.zeros_initializer(), trainable=False)
            for index, each in enumerate(v1.trainable_variables())]  # fmt: skip
    with tf.control_dependencies(v1.get_collection(v1.GraphKeys.UPDATE_OPS) if updates else []):
        gradients = optimizer.compute_gradients(loss)
        for held, (gradient, _) in zip(sums, gradients, strict=True):
            v1.assign_add(held, gradient)
    optimizer.apply_gradients(
        [(tf.identity(held), variable) for held, (_, variable) in zip(sums, gradients, strict=True)]
    )


def test_summed_gradients_without_the_updates(net: Any, read: Read) -> None:
    accumulated(net, updates=False)

    found = read()

    assert set(found) == {"SN101"}
    assert len(found["SN101"].layers) == 2


def test_summed_gradients_with_the_updates(net: Any, read: Read) -> None:
    accumulated(net, updates=True)

    assert not read()


def test_two_learning_rates(net: Any, read: Read) -> None:
    loss = trunk_and_head(net)
    for scope in ("trunk", "head"):
        net.minimize(loss, updates=True, var_list=v1.trainable_variables(scope))

    assert not read()


def test_the_head_first_and_then_all(net: Any, read: Read) -> None:
    loss = trunk_and_head(net)
    net.minimize(loss, updates=True, var_list=v1.trainable_variables("head"))
    net.minimize(loss, updates=True)

    assert not read()


def test_an_adversarial_autoencoder_with_one_source_of_data(net: Any, read: Read) -> None:
    x = v1.placeholder(tf.float32, [None, 20])
    with v1.variable_scope("encoder"):
        code = net.dense(RELU(batch_normalization(net.dense(x, 16), training=net.mode())), 4, "code")
    with v1.variable_scope("decoder"):
        decoded = net.dense(code, 20)

    def critic(code: Any, reuse: bool) -> Any:
        with v1.variable_scope("critic", reuse=reuse):
            return net.dense(RELU(net.dense(code, 8)), 1, "logit")

    drawn, made = critic(v1.placeholder(tf.float32, [None, 4]), False), critic(code, True)
    parts = v1.trainable_variables("encoder"), v1.trainable_variables("decoder"), v1.trainable_variables("critic")
    net.minimize(tf.reduce_mean(tf.square(decoded - x)), True, var_list=parts[0] + parts[1])
    net.minimize(tf.reduce_mean(made - drawn), True, var_list=parts[2])
    net.minimize(-tf.reduce_mean(made), True, var_list=parts[0])

    assert not read()


@pytest.mark.parametrize("everything", [True, False])
def test_an_actor_and_a_critic_that_share_nothing(net: Any, read: Read, everything: bool) -> None:
    for name, filters in (("actor", 4), ("critic", 6)):
        with v1.variable_scope(name):
            x = RELU(batch_normalization(net.convolution(net.images(), filters), training=net.mode()))
            loss = net.loss(net.logits(x))
        updates = v1.get_collection(v1.GraphKeys.UPDATE_OPS, None if everything else f"{name}/")
        net.minimize(loss, updates, var_list=v1.trainable_variables(name))

    found = read()

    # The critic was built after the step of the actor, which takes what the collection held until then.
    assert {code: each.layers for code, each in found.items()} == (
        {"SN403": ("actor/batch_normalization",)} if everything else {}
    )
