"""Gradients against finite differences in float64, and the fused float32 ones, also of second order, against these."""

import numpy as np
import pytest
import tensorflow as tf

from steadynorm.tensorflow import batch_norm, batch_normalization

v1 = tf.compat.v1
RNG = np.random.default_rng(5)
X = RNG.normal(1.0, 2.0, (6, 2, 3, 3))
LOSS = RNG.normal(size=X.shape)
WEIGHTS = np.array([1.0, 0.0, 2.0, 0.5, 1.0, 3.0])


def weighted(x):
    return batch_norm(x, batch_weights=WEIGHTS, scale=True, scope="bn")


def tf_layer(**arguments):
    return lambda x: batch_normalization(x, training=True, name="bn", **arguments)


# Every value of r and d is bounded, so that a finite difference sees them as constants, as the gradient does.
BOUNDS = {"rmin": 1.3, "rmax": 1.3, "dmax": 0.0}
CASES = {
    "plain": tf_layer(),
    "renorm": tf_layer(renorm=True, renorm_clipping=BOUNDS),
    "virtual": tf_layer(virtual_batch_size=3),
    "virtual renorm": tf_layer(virtual_batch_size=3, renorm=True, renorm_clipping=BOUNDS),
    "adjusted": tf_layer(adjustment=lambda shape: (tf.constant([0.9, 1.2, 1.0]), tf.constant([0.1, 0.0, -0.3]))),
    "two axes": tf_layer(axis=[1, 3]),
    "weights": weighted,
}


def run(build, value, dtype, what):
    """Evaluate, for a loss that is cubic in the output, what a function makes of loss, x and parameters."""
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(dtype, X.shape)
        loss = tf.reduce_sum(tf.constant(LOSS, dtype) * build(x) ** 3)
        fetched = what(loss, x)
        session.run(v1.global_variables_initializer())
        return session.run(fetched, {x: value})


def gradient(loss, x):
    return tf.gradients(loss, x)[0]


def penalty_gradient(loss, x):
    """The gradient of a gradient penalty, as in Wasserstein GANs: a second-order gradient."""
    penalty = tf.reduce_sum(tf.square(tf.gradients(loss, x)[0]))
    return tf.gradients(penalty, x)[0]


@pytest.mark.parametrize("case", CASES)
def test_the_float64_gradient_is_the_finite_difference(case):
    analytic = run(CASES[case], X, tf.float64, gradient)
    direction = RNG.normal(size=X.shape)
    step = 1e-5
    losses = [run(CASES[case], X + sign * step * direction, tf.float64, lambda loss, _: loss) for sign in (1, -1)]
    np.testing.assert_allclose((analytic * direction).sum(), (losses[0] - losses[1]) / (2 * step), rtol=1e-6)


@pytest.mark.parametrize("what", [gradient, penalty_gradient], ids=["first order", "second order"])
@pytest.mark.parametrize("case", CASES)
def test_the_fused_gradients_are_those_of_float64(case, what):
    true = run(CASES[case], X, tf.float64, what)
    fused = run(CASES[case], X, tf.float32, what)
    np.testing.assert_allclose(fused, true, rtol=1e-3, atol=1e-4 * np.abs(true).max())
