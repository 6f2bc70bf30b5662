"""What stands around a layer, and what is a layer at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import tensorflow as tf

from steadynorm.finding import Finding
from steadynorm.tensorflow import batch_norm, batch_normalization

v1 = tf.compat.v1
Read = Callable[..., dict[str, Finding]]
RELU = tf.nn.relu


def moments_only(x: Any, axes: list[int], parameters: bool = True, keepdims: bool = False) -> Any:
    shape = x.shape[-1:]
    beta = v1.get_variable("beta", shape) if parameters else None
    gamma = v1.get_variable("gamma", shape) if parameters else None
    return tf.nn.batch_normalization(x, *tf.nn.moments(x, axes, keepdims=keepdims), beta, gamma, 1e-3)


@pytest.mark.parametrize("parameters", [True, False])
def test_moments_without_averages(net: Any, read: Read, parameters: bool) -> None:
    net.train(RELU(moments_only(net.convolution(net.images()), [0, 1, 2], parameters)))

    assert set(read()) == {"SN106"}


def test_the_fused_operation_without_averages(net: Any, read: Read) -> None:
    x = net.convolution(net.images())
    scale, offset = v1.get_variable("scale", [4]), v1.get_variable("offset", [4])
    net.train(RELU(v1.nn.fused_batch_norm(x, scale, offset)[0]))

    assert set(read()) == {"SN106", "SN201"}


def test_written_as_a_quotient(net: Any, read: Read) -> None:
    x = net.convolution(net.images())
    mean, variance = tf.nn.moments(x, [0, 1, 2])
    gamma, beta = v1.get_variable("g", [4]), v1.get_variable("b", [4])
    net.train(RELU((x - mean) / tf.sqrt(variance + 1e-5) * gamma + beta))

    assert set(read()) == {"SN106"}


def quotient(x: Any, axes: list[int], keepdims: bool = False) -> Any:
    mean, variance = tf.nn.moments(x, axes, keepdims=keepdims)
    return (x - mean) / tf.sqrt(variance + 1e-5)


def test_written_as_a_quotient_without_gamma_and_beta(net: Any, read: Read) -> None:
    x = net.images()
    for index in range(2):
        x = RELU(quotient(net.convolution(x, name=f"conv{index}"), [0, 1, 2]))
    x = net.dense(tf.reduce_mean(x, [1, 2]), 8, bias=True)
    net.minimize(net.loss(net.dense(tf.tanh(quotient(x, [0])), 10, "logits")))

    found = read()

    assert set(found) - {"SN501", "SN502"} == {"SN106"}
    assert len(found["SN106"].layers) == 3


STANDARDIZED: dict[str, Callable[[Any], Any]] = {
    "images": lambda net: net.logits(net.convolution(quotient(net.images(), [0, 1, 2]))),
    "each image": lambda net: net.logits(net.convolution(quotient(net.images(), [1, 2, 3], keepdims=True))),
    "each image by the library": lambda net: net.logits(
        net.convolution(tf.map_fn(tf.image.per_image_standardization, net.images()))
    ),
    "instances": lambda net: net.logits(quotient(net.convolution(net.images()), [1, 2], keepdims=True)),
    "features of a sample": lambda net: net.logits(quotient(net.convolution(net.images()), [-1], keepdims=True)),
    "everything": lambda net: net.logits(quotient(net.convolution(net.images()), [0, 1, 2, 3])),
    "positions": lambda net: net.logits(quotient(net.convolution(net.images()), [0], keepdims=True)),
    "observations": lambda net: net.dense(quotient(v1.placeholder(tf.float32, [None, 12]), [0]), 10),
    "scores": lambda net: quotient(net.logits(net.images()), [0]),
}


@pytest.mark.parametrize("kind", STANDARDIZED)
def test_standardized_data_are_no_layer(net: Any, read: Read, kind: str) -> None:
    net.minimize(net.loss(STANDARDIZED[kind](net)))

    assert not read()


def test_advantages_that_are_standardized_over_the_batch(net: Any, read: Read) -> None:
    x = RELU(net.convolution(net.images()))
    values = tf.squeeze(net.dense(tf.reduce_mean(x, [1, 2]), 1, "value"), 1)
    advantages = v1.placeholder(tf.float32, [None]) - tf.stop_gradient(values)
    mean, variance = tf.nn.moments(advantages, [0])
    advantages = (advantages - mean) / tf.sqrt(variance + 1e-8)
    net.minimize(tf.reduce_mean(advantages * tf.reduce_max(net.logits(x), 1)))

    assert not read()


def test_codes_that_are_standardized_for_a_correlation(net: Any, read: Read) -> None:
    x = tf.reduce_mean(RELU(net.convolution(net.images())), [1, 2])
    one, other = (quotient(net.dense(x, 8, name), [0]) for name in ("one", "other"))
    net.minimize(tf.reduce_mean(tf.square(tf.matmul(one, other, transpose_a=True) - tf.eye(8))))

    assert not read()


OTHERS: dict[str, Callable[[Any], Any]] = {
    "instance": lambda x: moments_only(x, [1, 2], keepdims=True),
    "layer": lambda x: moments_only(x, [1, 2, 3], keepdims=True),
    "last axis": lambda x: moments_only(x, [-1], keepdims=True),
    "length": lambda x: tf.nn.l2_normalize(x, -1),
    "image": tf.image.per_image_standardization,
    "fused for layers": lambda x: tf.reshape(
        v1.nn.fused_batch_norm(tf.reshape(x, [1, -1, 256, 1]), tf.ones([1]), tf.zeros([1]))[0], [-1, 8, 8, 4]
    ),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_normalizations_are_none_of_the_batch(net: Any, read: Read, kind: str) -> None:
    net.train(RELU(OTHERS[kind](net.convolution(net.images()))))

    assert not read()


BIASES: dict[str, tuple[Callable[[Any, Any], Any], bool]] = {
    "convolution": (lambda net, x: net.convolution(x, bias=True), True),
    "none": (lambda net, x: net.convolution(x), False),
    "an addition behind a reshape": (
        lambda net, x: net.convolution(x) + tf.reshape(v1.get_variable("b", [4]), [1, 1, 1, 4]),
        True,
    ),
    "behind an identity": (lambda net, x: tf.identity(net.convolution(x, bias=True)), True),
    "a rectifier between": (lambda net, x: RELU(net.convolution(x, bias=True)), False),
}


@pytest.mark.parametrize("kind", BIASES)
def test_a_bias_before_the_layer(net: Any, read: Read, kind: str) -> None:
    build, is_cancelled = BIASES[kind]
    net.train(RELU(batch_normalization(build(net, net.images()), training=net.mode())), updates=True)

    assert set(read()) == ({"SN501"} if is_cancelled else set())


def test_the_bias_of_a_dense_layer(net: Any, read: Read) -> None:
    x = net.dense(v1.placeholder(tf.float32, [None, 6]), 4, bias=True)
    x = RELU(batch_normalization(x, training=net.mode()))
    net.minimize(net.loss(net.dense(x, 3, "last")), updates=True)

    assert set(read()) == {"SN501"}


def test_the_bias_of_a_dense_layer_whose_output_becomes_an_image(net: Any, read: Read) -> None:
    x = tf.reshape(net.dense(v1.placeholder(tf.float32, [None, 6]), 8 * 8 * 4, bias=True), [-1, 8, 8, 4])
    net.train(RELU(batch_normalization(x, training=net.mode())), updates=True)

    assert not read()


def test_the_bias_of_a_convolution_whose_output_is_flattened(net: Any, read: Read) -> None:
    x = tf.reshape(net.convolution(net.images(), bias=True), [-1, 8 * 8 * 4])
    x = RELU(batch_normalization(x, training=net.mode()))
    net.minimize(net.loss(net.dense(x, 3, "last")), updates=True)

    assert set(read()) == {"SN501"}


def test_a_bias_that_a_shortcut_needs(net: Any, read: Read) -> None:
    x = net.convolution(net.images(), bias=True)
    y = net.convolution(RELU(batch_normalization(x, training=net.mode())), 4, "second")
    net.train(x + y, updates=True)

    assert not read()


def test_summaries_read_without_needing_anything(net: Any, read: Read) -> None:
    x = net.convolution(net.images(), bias=True)
    v1.summary.histogram("activations", x)
    v1.summary.scalar("mean", tf.reduce_mean(x))
    net.train(RELU(batch_normalization(x, training=net.mode())), updates=True)

    assert set(read()) == {"SN501"}


@pytest.mark.parametrize("activation", [tf.nn.sigmoid, tf.nn.tanh, RELU, tf.nn.elu])
def test_an_activation_that_saturates(net: Any, read: Read, activation: Callable[[Any], Any]) -> None:
    x = batch_normalization(net.convolution(net.images()), training=net.mode())
    net.train(activation(x), updates=True)

    assert set(read()) == ({"SN502"} if activation in (tf.nn.sigmoid, tf.nn.tanh) else set())


@pytest.mark.parametrize("scale", [True, False])
def test_no_scale_before_tanh(net: Any, read: Read, scale: bool) -> None:
    x = batch_norm(net.convolution(net.images()), is_training=net.mode(), scale=scale)
    net.train(tf.nn.tanh(x), updates=True)

    assert set(read()) == ({"SN502"} if scale else {"SN502", "SN508"})


@pytest.mark.parametrize("scale", [True, False])
def test_a_normalized_output(net: Any, read: Read, scale: bool) -> None:
    x = batch_norm(net.logits(net.convolution(net.images())), is_training=net.mode(), scale=scale)
    tf.argmax(x, 1)
    net.minimize(net.loss(x), updates=True)

    assert set(read()) == ({"SN503"} if scale else {"SN503", "SN508"})


def test_a_normalized_output_that_a_loss_reshapes(net: Any, read: Read) -> None:
    x = batch_norm(net.logits(net.convolution(net.images())), is_training=net.mode(), scale=True)
    tf.argmax(x, 1)
    tf.nn.softmax(x)
    labels = v1.placeholder(tf.float32, [None, 10])
    losses = v1.nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=x)
    net.minimize(tf.reduce_mean(losses), updates=True)

    assert set(read()) == {"SN503"}


@pytest.mark.parametrize("before", [True, False])
def test_dropout(net: Any, read: Read, before: bool) -> None:
    training = net.mode()
    x = net.convolution(net.images())
    x = tf.nn.dropout(x, 0.5) if before else x
    x = RELU(batch_normalization(x, training=training))
    net.train(x if before else tf.nn.dropout(x, 0.5), updates=True)

    assert set(read()) == ({"SN507"} if before else set())


def test_dropout_that_the_mode_switches(net: Any, read: Read, control_flow: str) -> None:
    training = net.mode()
    x = net.convolution(net.images())
    x = v1.cond(training, lambda: tf.nn.dropout(x, 0.5), lambda: tf.identity(x))
    net.train(RELU(batch_normalization(x, training=training)), updates=True)

    assert set(read()) == {"SN507"}


@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize("fused", [True, False])
def test_the_axis_of_the_channels(net: Any, read: Read, right: bool, fused: bool) -> None:
    x = v1.placeholder(tf.float32, [None, 3, 8, 8])
    x = tf.nn.conv2d(x, v1.get_variable("kernel", [3, 3, 3, 8]), 1, "SAME", data_format="NCHW")
    gamma, beta = v1.get_variable("gamma", [8]), v1.get_variable("beta", [8])
    if fused:
        y = v1.nn.fused_batch_norm(x, gamma, beta, data_format="NCHW" if right else "NHWC")[0]
    else:
        axes = [0, 2, 3] if right else [0, 1, 2]
        shape = [1, 8, 1, 1] if right else [1, 1, 1, 8]
        moments = tf.nn.moments(x, axes, keepdims=True)
        y = tf.nn.batch_normalization(x, *moments, tf.reshape(beta, shape), tf.reshape(gamma, shape), 1e-3)
    net.train(RELU(y))

    assert ("SN504" in read()) is not right


@pytest.mark.parametrize("dtype", [tf.float16, tf.float32])
def test_statistics_of_half_precision(net: Any, read: Read, dtype: tf.DType) -> None:
    x = tf.cast(net.convolution(net.images()), dtype)
    moments = tf.nn.moments(x, [0, 1, 2])
    kept = [v1.get_variable(name, [4], dtype, trainable=False) for name in ("mean", "variance")]
    updates = [v1.assign_sub(one, (one - other) * 0.01) for one, other in zip(kept, moments, strict=True)]
    training = net.mode()
    mean, variance = (tf.where(training, one, other) for one, other in zip(moments, kept, strict=True))
    beta, gamma = v1.get_variable("beta", [4], dtype), v1.get_variable("gamma", [4], dtype)
    y = tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-3)
    net.train(RELU(tf.cast(y, tf.float32)), updates=updates)

    assert set(read()) == ({"SN704"} if dtype == tf.float16 else set())


@pytest.mark.parametrize("bias", [True, False])
def test_a_bias_before_a_layer_that_is_trained_in_inference_mode(net: Any, read: Read, bias: bool) -> None:
    x = net.images()
    for index in range(2):
        x = RELU(batch_normalization(net.convolution(x, name=f"conv{index}", bias=bias)))
    net.train(x)

    found = read()

    assert set(found) == ({"SN202", "SN501"} if bias else {"SN202"})
    if bias:
        assert len(found["SN501"].layers) == 2
        assert "which beta repeats" in found["SN501"].message


def test_a_bias_before_a_layer_that_only_predicts(net: Any, read: Read) -> None:
    batch_normalization(net.convolution(net.images(), bias=True))

    assert "SN501" not in read()
