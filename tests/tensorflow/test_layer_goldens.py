"""The layers against recordings of the original TensorFlow 1 layers: each of six steps, and inference."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from steadynorm.tensorflow import batch_norm, batch_normalization

v1 = tf.compat.v1
GOLDENS = sorted((Path(__file__).parents[1] / "data" / "goldens").glob("*.npz"))


def read(path):
    with np.load(path) as file:
        data = {key: file[key] for key in file.files}
    return data, json.loads(str(data.pop("meta")))


def fixed_adjustment(channels):
    channel = np.arange(channels, dtype=np.float32)
    return lambda shape: (tf.constant(1 + 0.05 * channel), tf.constant(0.1 - 0.02 * channel))


def apply(meta, x, weights, mode):
    kwargs = dict(meta["kwargs"])
    if kwargs.get("adjustment"):
        kwargs["adjustment"] = fixed_adjustment(meta["shape"][-1])
    if meta["api"].startswith("tf.layers"):
        return batch_normalization(x, training=mode, **kwargs)
    if kwargs.get("activation_fn") == "relu":
        kwargs["activation_fn"] = tf.nn.relu
    if kwargs.get("batch_weights"):
        kwargs["batch_weights"] = weights
    if "param_initializers" in kwargs:
        given = kwargs["param_initializers"].items()
        kwargs["param_initializers"] = {name: v1.constant_initializer(value) for name, value in given}
    return batch_norm(x, is_training=mode, **kwargs)


def assert_close(actual, recorded, what):
    np.testing.assert_allclose(actual, recorded, rtol=1e-4, atol=1e-4, err_msg=what)
    assert np.shape(actual) == recorded.shape, what


def replay(path, *, resource, dynamic):
    """Run the recorded steps; `dynamic` leaves sizes and mode to the run, otherwise the graph knows them."""
    data, meta = read(path)
    channels = {1: {len(meta["shape"]) - 1}, 2: {1, 3}}[2 if isinstance(meta["kwargs"].get("axis"), list) else 1]
    if meta["kwargs"].get("axis") == 1 or meta["kwargs"].get("data_format") == "NCHW":
        channels = {1}
    shape = [size if not dynamic or axis in channels else None for axis, size in enumerate(meta["shape"])]
    with tf.Graph().as_default() as graph:
        x = v1.placeholder(tf.float32, shape)
        w = v1.placeholder(tf.float32, shape)
        weights = v1.placeholder(tf.float32, shape[:1])
        switch = v1.placeholder(tf.bool, [])
        with v1.variable_scope("net", use_resource=resource):
            y = apply(meta, x, weights, switch if dynamic else True)
        variables = v1.global_variables()
        assert [variable.op.name for variable in variables] == meta["variables"]
        assert [variable.op.name for variable in v1.trainable_variables()] == meta["trainable"]
        updates = v1.get_collection(v1.GraphKeys.UPDATE_OPS)
        if not dynamic and not resource:
            assert [update.name for update in updates] == meta["update_ops"]
        gradients = tf.gradients(tf.reduce_sum(w * y), [x, *v1.trainable_variables()])
        if dynamic:
            y_test, fixed = y, {switch: False}
        else:
            with v1.variable_scope("net", reuse=True):
                y_test, fixed = apply({**meta, "kwargs": {**meta["kwargs"], **scope_of(meta)}}, x, weights, False), {}
        with v1.Session(graph=graph) as session:
            session.run(v1.global_variables_initializer())
            for step in range(meta["steps"]):
                feed = {x: data[f"x/{step}"], w: data[f"w/{step}"]}
                feed |= {weights: data.get(f"batch_weights/{step}", np.ones(meta["shape"][0]))}
                feed |= {switch: True} if dynamic else {}
                out, grads = session.run([y, gradients], feed)
                session.run(updates, feed)
                assert_close(out, data[f"y/{step}"], f"y/{step}")
                assert_close(grads[0], data[f"dx/{step}"], f"dx/{step}")
                for name, gradient in zip(meta["trainable"], grads[1:], strict=True):
                    assert_close(gradient, data[f"d/{name}/{step}"], f"d/{name}/{step}")
                for name, value in zip(meta["variables"], session.run(variables), strict=True):
                    assert_close(value, data[f"update/{name}/{step}"], f"{name}/{step}")
            feed = {x: data["x_test"], weights: np.ones(meta["shape"][0]), **fixed}
            assert_close(session.run(y_test, feed), data["y_test"], "y_test")


def scope_of(meta):
    if meta["api"].startswith("tf.layers"):
        return {"name": "batch_normalization", "reuse": True}
    return {"scope": "BatchNorm", "reuse": True}


@pytest.mark.parametrize("resource", [True, False], ids=["resource", "reference"])
@pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.stem)
def test_the_layer_reproduces_the_recording(path, resource):
    replay(path, resource=resource, dynamic=False)


@pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.stem)
def test_the_layer_reproduces_the_recording_with_sizes_and_mode_known_only_at_run_time(path):
    replay(path, resource=True, dynamic=True)


def test_every_recording_is_here():
    assert len(GOLDENS) == 40
