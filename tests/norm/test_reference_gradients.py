"""The backward pass against finite differences of the forward pass, for the options and their combinations."""

import itertools

import numpy as np
import pytest

from steadynorm.norm.config import NormConfig
from steadynorm.norm.reference import backward, training_forward
from steadynorm.norm.renorm import Renorm
from steadynorm.norm.state import State

# With these bounds and the averages below, r is 1.3 and d is ±0.4 in every channel whatever the batch: constants, as
# the gradient takes them to be, so that finite differences of the whole forward pass are its right answer.
SATURATED = Renorm(rmin=1.3, rmax=1.3, dmax=0.4)

SHAPES = {"2d": ((8, 3), -1), "4d": ((8, 2, 2, 3), -1), "nchw": ((8, 3, 2, 2), 1), "pair": ((8, 2, 2, 3), (1, 3))}
VIRTUAL = {"whole": {}, "contiguous": {"virtual_batch_size": 4}, "strided": {"virtual_batch_size": 4}}
COMBINATIONS = list(
    itertools.product(
        SHAPES, VIRTUAL, ("equal", "samples", "positions"), (None, SATURATED), (False, True), (False, True)
    )
)


def channels(shape, axis):
    return tuple(shape[a] for a in (axis if isinstance(axis, tuple) else (axis,)))


def weights_of(kind, shape, axis, rng):
    if kind == "equal":
        return None
    kept = {a % len(shape) for a in (axis if isinstance(axis, tuple) else (axis,))}
    positions = [s for a, s in enumerate(shape) if a not in kept]
    weights = rng.uniform(0.2, 2, shape[:1] if kind == "samples" else positions)
    weights[0], weights[3] = 0, 0
    return weights


def check_against_differences(loss, value, gradient, rng):
    for _ in range(3):
        along, h = rng.normal(size=value.shape), 1e-4
        # Five points, error of order h⁴: small groups bend too much for two points.
        near = loss(value + h * along) - loss(value - h * along)
        far = loss(value + 2 * h * along) - loss(value - 2 * h * along)
        difference = (8 * near - far) / (12 * h)
        np.testing.assert_allclose(np.sum(gradient * along), difference, rtol=1e-6, atol=1e-7)


def check_gradients(x, state, config, weights, adjustment, rng):
    dy = rng.normal(size=x.shape)

    def loss(x=x, gamma=state.gamma, beta=state.beta):
        fields = {**vars(state), "gamma": gamma, "beta": beta}
        y, _, _ = training_forward(x, State(**fields), config, weights, adjustment)
        return np.sum(np.sin(y) + dy * y)

    y, _, cache = training_forward(x, state, config, weights, adjustment)
    gradients = backward(np.cos(y) + dy, cache)
    check_against_differences(lambda v: loss(x=v), x, gradients.dx, rng)
    assert (gradients.dgamma is None) == (not config.scale)
    assert (gradients.dbeta is None) == (not config.center)
    if config.scale:
        check_against_differences(lambda v: loss(gamma=v), state.gamma, gradients.dgamma, rng)
    if config.center:
        check_against_differences(lambda v: loss(beta=v), state.beta, gradients.dbeta, rng)


@pytest.mark.parametrize(("shape", "virtual", "weighting", "renorm", "adjusted", "frozen"), COMBINATIONS)
def test_gradients_equal_finite_differences(shape, virtual, weighting, renorm, adjusted, frozen):
    rng = np.random.default_rng(0)
    shape, axis = SHAPES[shape]
    config = NormConfig(
        axis=axis,
        epsilon=0.1,
        renorm=renorm,
        weighted=weighting != "equal",
        adjusted=adjusted,
        frozen=frozen,
        virtual_batch_layout="strided" if virtual == "strided" else "contiguous",
        **VIRTUAL[virtual],
    )
    size = channels(shape, axis)
    start = {"gamma": rng.uniform(0.5, 2, size), "beta": rng.normal(size=size), "moving_mean": 50.0}
    adjustment = (rng.uniform(0.9, 1.1, shape), rng.normal(0, 0.1, shape)) if adjusted else None
    x, weights = rng.normal(2, 1.5, shape), weights_of(weighting, shape, axis, rng)
    check_gradients(x, State.initial(config, size, **start), config, weights, adjustment, rng)


@pytest.mark.parametrize(("center", "scale"), [(False, True), (True, False), (False, False)])
def test_gradients_without_gamma_or_beta(center, scale):
    rng = np.random.default_rng(1)
    config = NormConfig(center=center, scale=scale)
    check_gradients(rng.normal(size=(6, 4, 3)), State.initial(config, 3), config, None, None, rng)


def test_a_virtual_batch_without_weight_gets_the_gradient_of_a_constant_map():
    rng = np.random.default_rng(2)
    config = NormConfig(virtual_batch_size=2, weighted=True, bessel_correction=True)
    weights = np.array([1, 1, 0, 0, 2, 0.5])
    state = State.initial(config, 3, moving_mean=0.3, moving_variance=2.0)
    x = rng.normal(size=(6, 3))
    check_gradients(x, state, config, weights, None, rng)
    _, _, cache = training_forward(x, state, config, weights)
    dx = backward(np.ones((6, 3)), cache).dx
    np.testing.assert_allclose(dx[2:4], 1 / np.sqrt(2.0 + config.epsilon))


def test_the_gradient_takes_the_corrections_of_renorm_as_constants():
    # Ioffe (2017), section 3: backpropagation does not go through r and d, so dx is r times that of the plain layer.
    rng = np.random.default_rng(3)
    x, dy = rng.normal(1, 2, (16, 4)), rng.normal(size=(16, 4))
    plain, renormed = NormConfig(), NormConfig(renorm=Renorm())
    state = State.initial(renormed, 4, moving_mean=0.5, moving_variance=1.5)
    dx = backward(dy, training_forward(x, state, plain)[2]).dx
    r = np.sqrt(x.var(0) + plain.epsilon) / np.sqrt(1.5)
    np.testing.assert_allclose(backward(dy, training_forward(x, state, renormed)[2]).dx, r * dx)


def test_a_gradient_of_another_shape_is_refused():
    config = NormConfig()
    _, _, cache = training_forward(np.ones((4, 3)), State.initial(config, 3), config)
    with pytest.raises(ValueError, match="expected that of the output"):
        backward(np.ones((3,)), cache)
