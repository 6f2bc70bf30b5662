"""Updates in every form that they take, run, dropped, or moved by the wrong step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import tensorflow as tf

from steadynorm.artifacts import formats
from steadynorm.finding import Certainty, Finding
from steadynorm.tensorflow import batch_norm, batch_normalization, create_train_op

v1 = tf.compat.v1
Read = Callable[..., dict[str, Finding]]
RELU = tf.nn.relu

# A function cannot assign to a reference variable or hand it over.
ASSIGNABLE = pytest.mark.parametrize(
    ("control_flow", "variables"),
    [("switch", "reference"), ("switch", "resource"), ("functional", "resource")],
    indirect=True,
)


def test_the_collection_under_the_train_step(net: Any, read: Read) -> None:
    x = batch_normalization(net.convolution(net.images()), training=net.mode())
    net.train(RELU(x), updates=True)

    assert not read()


def test_the_collection_holds_conditions_instead_of_updates(net: Any, read: Read) -> None:
    x = batch_norm(net.convolution(net.images()), is_training=net.mode())
    net.train(RELU(x), updates=True)

    assert not read()


def test_updates_that_are_part_of_the_output(net: Any, read: Read) -> None:
    x = batch_norm(net.convolution(net.images()), is_training=net.mode(), updates_collections=None)
    net.train(RELU(x))

    assert not read()


def test_create_train_op(net: Any, read: Read) -> None:
    v1.train.get_or_create_global_step()
    x = batch_normalization(net.convolution(net.images()), training=net.mode())
    create_train_op(net.loss(net.logits(RELU(x))), v1.train.MomentumOptimizer(0.1, 0.9))

    assert not read()


def test_a_switched_mode_and_plain_minimize(net: Any, read: Read) -> None:
    x = batch_normalization(net.convolution(net.images()), training=net.mode())
    net.train(RELU(x))

    found = read()

    assert set(found) == {"SN101"}
    assert found["SN101"].certainty is Certainty.LIKELY
    assert "by hand" in str(found["SN101"].settle)


def test_a_train_step_behind_the_one_of_the_optimizer(net: Any, read: Read) -> None:
    x = batch_normalization(net.convolution(net.images()), training=net.mode())
    step = net.train(RELU(x))
    tf.group(step, *v1.get_collection(v1.GraphKeys.UPDATE_OPS))

    assert not read()


def test_the_collection_read_before_the_last_layer_is_built(net: Any, read: Read) -> None:
    training = net.mode()
    x = RELU(batch_normalization(net.convolution(net.images()), training=training))
    early = v1.get_collection(v1.GraphKeys.UPDATE_OPS)
    x = RELU(batch_normalization(net.convolution(x, 5, "later"), training=training))
    net.train(x, updates=early)

    found = read()

    assert set(found) == {"SN102"}
    assert found["SN102"].layers == ("batch_normalization_1",)


@pytest.mark.parametrize("times", [1, 2])
def test_a_layer_that_is_built_twice_on_the_same_input(net: Any, read: Read, times: int) -> None:
    layer = net.convolution(net.images())
    built = [batch_norm(layer, is_training=True, scope="bn", reuse=index > 0, decay=0.9) for index in range(times)]
    net.train(RELU(sum(built)), updates=True)

    assert ("SN105" in read()) == (times == 2)
    assert "SN401" not in read()


@ASSIGNABLE
def test_both_branches_of_a_condition_update_and_one_of_them_runs(
    net: Any, read: Read, control_flow: str, variables: str
) -> None:
    x = net.convolution(net.images())
    options: dict[str, Any] = {"scope": "bn", "updates_collections": None, "is_training": True}
    batch_norm(x, **{**options, "is_training": False})
    y = v1.cond(
        net.mode(), lambda: batch_norm(x, reuse=True, **options), lambda: batch_norm(x, reuse=True, **options) * 0.5
    )
    net.train(RELU(y))

    assert "SN105" not in read()


def test_a_schedule_of_the_decay(net: Any, read: Read, tmp_path: Any) -> None:
    step = v1.train.get_or_create_global_step()
    decay = tf.minimum(0.99, (1.0 + tf.cast(step, tf.float32)) / (10.0 + tf.cast(step, tf.float32)))
    x = batch_normalization(net.convolution(net.images()), training=net.mode(), momentum=decay)
    net.train(RELU(x), updates=True)

    assert not read()
    assert {update.decay for update in formats.read(tmp_path / "model.meta").graph.updates} == {None}


@pytest.mark.parametrize("decay", [0.9, 0.99, 0.5])
def test_a_constant_decay(net: Any, read: Read, tmp_path: Any, decay: float) -> None:
    x = batch_normalization(net.convolution(net.images()), training=net.mode(), momentum=decay)
    net.train(RELU(x), updates=True)
    read()

    assert [update.decay for update in formats.read(tmp_path / "model.meta").graph.updates] == [decay, decay]


def test_frozen_statistics_of_a_stage_that_is_not_trained(net: Any, read: Read) -> None:
    x = batch_normalization(
        net.convolution(net.images()), training=net.mode(), momentum=1.0, trainable=False, name="frozen"
    )
    x = RELU(net.convolution(RELU(x), 5, "later"))
    x = batch_normalization(net.convolution(x, 5, "last"), training=net.mode(), name="trained")
    updates = v1.get_collection(v1.GraphKeys.UPDATE_OPS, "trained")
    variables = [each for each in v1.trainable_variables() if "conv/" not in each.name]
    net.train(RELU(x), updates=updates, var_list=variables)

    assert not read()


def test_averages_of_weights_and_losses_are_no_statistics(net: Any, read: Read) -> None:
    x = batch_normalization(net.convolution(net.images()), training=net.mode())
    loss = net.loss(net.logits(RELU(x)))
    step = net.minimize(loss, updates=True)
    averages = v1.train.ExponentialMovingAverage(0.99)
    with tf.control_dependencies([step]):
        averages.apply([*v1.trainable_variables(), loss])

    assert not read()


@ASSIGNABLE
def test_a_layer_in_a_loop(net: Any, read: Read, variables: str, control_flow: str) -> None:
    x = net.convolution(net.images())
    batch_norm(x, is_training=False, scope="bn")

    def body(index: Any, x: Any) -> Any:
        y = batch_norm(x, is_training=True, scope="bn", reuse=True, updates_collections=None)
        return index + 1, tf.ensure_shape(y, x.shape)

    _, y = tf.while_loop(lambda index, _: index < 3, body, (0, x))
    net.train(RELU(y))

    assert not {"SN101", "SN102", "SN106", "SN202"} & set(read())


def test_an_optimizer_that_is_made_of_assignments(net: Any, read: Read) -> None:
    """As that of Keras in graph mode: neither a collection nor an operation of an optimizer."""
    x = batch_normalization(net.convolution(net.images()), training=net.mode(default=False))
    loss = net.loss(net.logits(RELU(x)))
    updates = v1.get_collection_ref(v1.GraphKeys.UPDATE_OPS)
    assigned = []
    for variable, gradient in zip(v1.trainable_variables(), tf.gradients(loss, v1.trainable_variables()), strict=True):
        slot = v1.Variable(tf.zeros(variable.shape), trainable=False)
        moved = v1.assign(slot, slot * 0.9 + gradient)
        assigned += [moved, v1.assign(variable, variable - 0.1 * moved)]
    step = tf.group(*assigned, *updates)
    updates.clear()

    found = read()

    assert not found
    assert step is not None


def test_the_steps_of_two_networks_and_the_updates_of_both(net: Any, read: Read) -> None:
    adversarial(net, separately=False)

    found = read()

    assert set(found) - {"SN201"} == {"SN403", "SN401"}
    assert set(found["SN403"].layers) == {"generator/batch_normalization", "critic/batch_normalization"}
    assert found["SN401"].layers == ("critic/batch_normalization",)


def test_the_steps_of_two_networks_with_their_own_updates(net: Any, read: Read) -> None:
    adversarial(net, separately=True)

    assert not {code for code in read() if code != "SN201"}


def adversarial(net: Any, separately: bool) -> None:
    def generator(z: Any) -> Any:
        with v1.variable_scope("generator"):
            x = tf.reshape(net.dense(z, 8 * 8 * 4), [-1, 8, 8, 4])
            return net.convolution(RELU(batch_normalization(x, training=True)), 3)

    def critic(x: Any, reuse: bool) -> Any:
        with v1.variable_scope("critic", reuse=reuse):
            x = RELU(batch_normalization(net.convolution(x), training=True, name="batch_normalization", reuse=reuse))
            return net.logits(x, 1)

    real, fake = critic(net.images(), False), critic(generator(v1.placeholder(tf.float32, [None, 16])), True)
    updates = v1.get_collection(v1.GraphKeys.UPDATE_OPS)
    losses = {"critic": tf.reduce_mean(fake - real), "generator": -tf.reduce_mean(fake)}
    for name, loss in losses.items():
        own = [each for each in updates if each.name.startswith(name)][:2] if separately else updates
        net.minimize(loss, own, var_list=v1.trainable_variables(name))


@ASSIGNABLE
@pytest.mark.parametrize("reached", [True, False])
def test_debiased_averages_of_two_uses_of_which_one_is_updated(net: Any, read: Read, reached: bool) -> None:
    """Each use has variables of its own for what is not debiased yet, and both move the same averages."""
    mean = v1.get_variable("layer/mean", [4], initializer=v1.zeros_initializer(), trainable=False)
    variance = v1.get_variable("layer/variance", [4], initializer=v1.ones_initializer(), trainable=False)
    beta = v1.get_variable("layer/beta", [4])
    mode, updates = net.mode(), []
    x = net.images(4)
    for use in range(2):
        x = net.convolution(x, name=f"conv{use}")
        moments = tf.nn.moments(x, [0, 1, 2])
        pairs = (mean, moments[0]), (variance, moments[1])
        updates.append([_debiased(*pair, f"use{use}/{index}") for index, pair in enumerate(pairs)])
        moments = v1.cond(mode, lambda moments=moments: moments, lambda: (tf.identity(mean), tf.identity(variance)))
        x = RELU(tf.nn.batch_normalization(x, *moments, beta, None, 1e-3))
    net.train(x, updates[0] if reached else None)

    assert ("SN101" in read()) is not reached


def _debiased(average: Any, value: Any, name: str) -> Any:
    biased = v1.get_variable(f"{name}/biased", [4], initializer=v1.zeros_initializer(), trainable=False)
    steps = v1.get_variable(f"{name}/steps", [], initializer=v1.zeros_initializer(), trainable=False)
    moved = v1.assign_sub(biased, (biased - value) * 0.1)
    counted = v1.assign_add(steps, 1.0)
    return v1.assign(average, moved / (1 - tf.pow(0.9, counted)))
