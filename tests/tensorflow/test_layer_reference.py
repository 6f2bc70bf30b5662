"""The layers against the float64 reference, in combinations of options that no recording has."""

import numpy as np
import pytest
import tensorflow as tf

from steadynorm.norm.config import NormConfig
from steadynorm.norm.reference import backward, inference, training_forward
from steadynorm.norm.state import State
from steadynorm.tensorflow import batch_norm, batch_normalization

v1 = tf.compat.v1
CLIPPING = {"rmin": 0.7, "rmax": 1.4, "dmax": 0.3}
SHAPES = {2: (12, 4), 3: (12, 5, 4), 4: (12, 3, 5, 4), 5: (12, 2, 3, 2, 4)}

LAYERS = {
    "renorm": {"renorm": True, "momentum": 0.8, "renorm_momentum": 0.7},
    "renorm clipped": {"renorm": True, "renorm_clipping": CLIPPING, "momentum": 0.8, "renorm_momentum": 0.7},
    "renorm below": {"renorm": True, "renorm_clipping": {"rmax": 1.1}, "momentum": 0.8},
    "virtual": {"virtual_batch_size": 4, "momentum": 0.8},
    "virtual renorm": {"virtual_batch_size": 3, "renorm": True, "renorm_clipping": CLIPPING, "momentum": 0.8},
    "second axis": {"axis": 1, "momentum": 0.8},
    "second axis renorm": {"axis": 1, "renorm": True, "momentum": 0.8},
    "second axis virtual": {"axis": 1, "virtual_batch_size": 6, "momentum": 0.8},
    "first axis": {"axis": 0, "momentum": 0.8},
    "two axes": {"axis": [1, -1], "momentum": 0.8},
    "two axes renorm": {"axis": [1, -1], "renorm": True, "momentum": 0.8},
    "two axes virtual": {"axis": [1, -1], "virtual_batch_size": 4, "momentum": 0.8},
    "adjusted": {"adjustment": True, "momentum": 0.8},
    "adjusted renorm": {"adjustment": True, "renorm": True, "renorm_clipping": CLIPPING, "momentum": 0.8},
    "no scale": {"scale": False, "renorm": True, "momentum": 0.8},
    "no center": {"center": False, "virtual_batch_size": 6, "momentum": 0.8},
    "momentum 0": {"momentum": 0.0},
    "momentum 1": {"momentum": 1.0},
    "corrected": {"momentum": 0.8, "fused": False, "bessel_correction": True},
    "corrected renorm": {"momentum": 0.8, "renorm": True, "bessel_correction": True},
    "corrected virtual": {"momentum": 0.8, "virtual_batch_size": 4, "bessel_correction": True},
    "uncorrected": {"momentum": 0.8, "bessel_correction": False},
    "fused wished for with renorm": {"momentum": 0.8, "renorm": True, "fused": True},
    "fused wished for with virtual batches": {"momentum": 0.8, "virtual_batch_size": 4, "fused": True},
}
SLIM = {
    "weights": {"batch_weights": True, "decay": 0.8, "scale": True},
    "weights debiased": {"batch_weights": True, "decay": 0.8, "zero_debias_moving_mean": True},
    "weights corrected": {"batch_weights": True, "decay": 0.8, "bessel_correction": True},
    "weights second axis": {"batch_weights": True, "decay": 0.8, "data_format": "NCHW", "scale": True},
    "weights with fused wished for": {"batch_weights": True, "decay": 0.8, "fused": True},
    "renorm with fused wished for": {"renorm": True, "decay": 0.8, "fused": True},
    "debiased": {"decay": 0.8, "zero_debias_moving_mean": True, "fused": False},
    "debiased second axis": {"decay": 0.8, "zero_debias_moving_mean": True, "data_format": "NCHW"},
    "own collection": {"decay": 0.8, "updates_collections": "mine"},
    "uncorrected": {"decay": 0.8, "bessel_correction": False},
}


def pairwise(cases):
    """Of all cases, ranks and ways to build a graph every two together: each case in four of the eight combinations."""
    return [
        pytest.param(case, rank, dynamic, id=f"{case}-{rank}-{'dynamic' if dynamic else 'fixed'}")
        for number, case in enumerate(cases)
        for rank in SHAPES
        for dynamic in [(number + rank) % 2 == 1]
    ]


def channel_shape(config, shape):
    axes = config.axis if isinstance(config.axis, tuple) else (config.axis,)
    return tuple(shape[a] for a in sorted(a % len(shape) for a in axes))


def compare(build, config, shape, *, dynamic, weighted=False, adjustment=None, dtype=tf.float32, rtol=2e-5):
    """Three training steps and inference with growing, shifted inputs, against the reference."""
    rng = np.random.default_rng(3)
    axes = {a % len(shape) for a in (config.axis if isinstance(config.axis, tuple) else (config.axis,))}
    static = [size if not dynamic or axis in axes else None for axis, size in enumerate(shape)]
    with tf.Graph().as_default() as graph, v1.variable_scope("net", use_resource=not dynamic):
        x, dy = v1.placeholder(dtype, static), v1.placeholder(dtype, static)
        weights = v1.placeholder(tf.float32, static[:1]) if weighted else None
        switch = v1.placeholder(tf.bool, []) if dynamic else True
        y = build(x, weights, switch)
        gradients = tf.gradients(y, [x, *v1.trainable_variables()], dy)
        updates = v1.get_collection(v1.GraphKeys.UPDATE_OPS) + v1.get_collection("mine")
        y_test = y if dynamic else None
        variables = {v.op.name.rsplit("/", 1)[1]: v for v in v1.global_variables()}
        state = State.initial(config, channel_shape(config, shape))
        with v1.Session(graph=graph) as session:
            session.run(v1.global_variables_initializer())
            for step in range(3):
                value = rng.normal(1.0 + step, 1.5 + step, shape)
                outer = rng.normal(size=shape)
                w = rng.integers(0, 3, shape[0]) + 0.25 * rng.random(shape[0]) if weighted else None
                expected, state, cache = training_forward(value, state, config, w, adjustment)
                wanted = backward(outer, cache)
                feed = {x: value, dy: outer} | ({weights: w} if weighted else {}) | ({switch: True} if dynamic else {})
                out, grads = session.run([y, gradients], feed)
                session.run(updates, feed)
                np.testing.assert_allclose(out, expected, rtol, 2 * rtol)
                np.testing.assert_allclose(grads[0], wanted.dx, 5 * rtol, 5 * rtol)
                for variable, gradient in zip(v1.trainable_variables(), grads[1:], strict=True):
                    true = getattr(wanted, "d" + variable.op.name.rsplit("/", 1)[1])
                    np.testing.assert_allclose(np.ravel(gradient), np.ravel(true), 5 * rtol, 1e-4)
                for name, actual in session.run(variables).items():
                    true = getattr(state, {"biased": "biased_mean", "local_step": "steps"}.get(name, name))
                    np.testing.assert_allclose(np.ravel(actual), np.ravel(true), rtol, rtol, err_msg=f"{name} {step}")
            if y_test is not None:
                feed = {x: value, switch: False} | ({weights: w} if weighted else {})
                np.testing.assert_allclose(session.run(y_test, feed), inference(value, state, config), rtol, 2 * rtol)


@pytest.mark.parametrize(("case", "rank", "dynamic"), pairwise(LAYERS))
def test_tf_layers_agree_with_the_reference(case, rank, dynamic):
    arguments, shape = dict(LAYERS[case]), SHAPES[rank]
    if rank == 2 and arguments.get("axis") in (1, [1, -1]):
        arguments["axis"] = -1
    adjustment = None
    if arguments.get("adjustment"):
        adjustment = (np.array([0.9, 1.1, 1.2, 0.7]), np.array([0.1, -0.2, 0.0, 0.3]))
        arguments["adjustment"] = lambda _: tuple(tf.constant(part, tf.float32) for part in adjustment)
    bessel = arguments.pop("bessel_correction", None)
    config = NormConfig.from_tf_layers(rank=rank, **arguments)
    config = config if bessel is None else NormConfig(**{**vars(config), "bessel_correction": bessel})

    def build(x, _, mode):
        return batch_normalization(x, training=mode, bessel_correction=bessel, **arguments)

    compare(build, config, shape, dynamic=dynamic, adjustment=adjustment)


@pytest.mark.parametrize(("case", "rank", "dynamic"), pairwise(SLIM))
def test_slim_agrees_with_the_reference(case, rank, dynamic):
    arguments = dict(SLIM[case])
    weighted = arguments.pop("batch_weights", False)
    bessel = arguments.pop("bessel_correction", None)
    config = NormConfig.from_slim(rank=rank, batch_weights=weighted, **arguments)
    config = config if bessel is None else NormConfig(**{**vars(config), "bessel_correction": bessel})

    def build(x, weights, mode):
        return batch_norm(x, is_training=mode, batch_weights=weights, bessel_correction=bessel, **arguments)

    compare(build, config, SHAPES[rank], dynamic=dynamic, weighted=weighted)


@pytest.mark.parametrize("case", ["renorm clipped", "virtual renorm", "adjusted renorm"])
def test_float64_is_computed_in_float64(case):
    arguments = dict(LAYERS[case])
    adjustment = None
    if arguments.get("adjustment"):
        adjustment = (np.array([0.9, 1.1, 1.2, 0.7]), np.array([0.1, -0.2, 0.0, 0.3]))
        arguments["adjustment"] = lambda _: tuple(tf.constant(part, tf.float64) for part in adjustment)
    config = NormConfig.from_tf_layers(rank=4, dtype="float64", **arguments)
    build = lambda x, _, mode: batch_normalization(x, training=mode, **arguments)  # noqa: E731
    compare(build, config, SHAPES[4], dynamic=True, adjustment=adjustment, dtype=tf.float64, rtol=1e-6)


def test_float64_weights_agree_with_the_reference():
    config = NormConfig.from_slim(rank=4, dtype="float64", batch_weights=True, decay=0.8, scale=True)
    build = lambda x, w, mode: batch_norm(x, is_training=mode, batch_weights=w, decay=0.8, scale=True)  # noqa: E731
    compare(build, config, SHAPES[4], dynamic=False, weighted=True, dtype=tf.float64, rtol=1e-6)


def test_an_adjustment_may_differ_within_a_channel():
    rng = np.random.default_rng(0)
    adjustment = (1 + rng.random((12, 1, 5, 4)), rng.random((12, 3, 1, 1)))
    config = NormConfig.from_tf_layers(rank=4, momentum=0.8, renorm=True, adjustment=True)

    def build(x, _, mode):
        given = lambda _: tuple(tf.constant(part, tf.float32) for part in adjustment)  # noqa: E731
        return batch_normalization(x, training=mode, momentum=0.8, renorm=True, adjustment=given)

    compare(build, config, SHAPES[4], dynamic=True, adjustment=adjustment)


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
@pytest.mark.parametrize(
    "arguments",
    [{}, {"renorm": True}, {"virtual_batch_size": 4}, {"weights": True}],
    ids=["plain", "renorm", "virtual", "weights"],
)
def test_half_precision_inputs_keep_float32_statistics(dtype, arguments):
    rng = np.random.default_rng(1)
    value = rng.normal(3.0, 2.0, (16, 6, 6, 8)).astype(np.float32)
    with tf.Graph().as_default(), v1.Session() as session:
        x = tf.cast(tf.constant(value), dtype)
        if arguments.get("weights"):
            y = batch_norm(x, batch_weights=tf.ones([16]), decay=0.0, scale=True)
        else:
            y = batch_normalization(x, training=True, momentum=0.0, **arguments)
        assert y.dtype == dtype
        gradient = tf.gradients(tf.reduce_sum(tf.cast(y, tf.float32) ** 3), x)[0]
        assert gradient.dtype == dtype
        assert {v.dtype.base_dtype for v in v1.global_variables()} == {tf.float32}
        session.run(v1.global_variables_initializer())
        rounded = session.run(tf.cast(x, tf.float64))
        out, _ = session.run([tf.cast(y, tf.float32), gradient])
        session.run(v1.get_collection(v1.GraphKeys.UPDATE_OPS))
        mean = session.run(next(v for v in v1.global_variables() if "moving_mean" in v.name))
    np.testing.assert_allclose(np.ravel(mean), rounded.mean((0, 1, 2)), rtol=1e-4)
    if not arguments or arguments.get("weights"):
        expected = (rounded - rounded.mean((0, 1, 2))) / np.sqrt(rounded.var((0, 1, 2)) + 1e-3)
        np.testing.assert_allclose(out, expected, atol=0.03 if dtype == tf.bfloat16 else 0.004)


def test_a_large_mean_leaves_the_variance_exact():
    value = np.random.default_rng(0).normal(1000.0, 0.5, (64, 4, 4, 3)).astype(np.float32)
    true = value.astype(np.float64).var((0, 1, 2))
    with tf.Graph().as_default(), v1.Session() as session:
        x = tf.constant(value)
        layers = {
            "plain": lambda: batch_norm(x, decay=0.0, scope="plain", fused=False),
            "weights": lambda: batch_norm(x, decay=0.0, scope="weights", batch_weights=tf.ones([64])),
            "renorm": lambda: batch_normalization(x, momentum=0.0, training=True, name="renorm", renorm=True),
        }
        for layer in layers.values():
            layer()
        session.run(v1.global_variables_initializer())
        session.run(v1.get_collection(v1.GraphKeys.UPDATE_OPS))
        variables = {v.op.name: v for v in v1.global_variables()}
        for name, variance in session.run({name: variables[f"{name}/moving_variance"] for name in layers}).items():
            np.testing.assert_allclose(variance, true, rtol=2e-3, err_msg=name)
