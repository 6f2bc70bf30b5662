"""The reference against recordings of the original TensorFlow 1 layers: each of six steps, and inference."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from steadynorm.norm.config import NormConfig
from steadynorm.norm.reference import backward, inference, training_forward
from steadynorm.norm.state import State

GOLDENS = sorted((Path(__file__).parents[1] / "data" / "goldens").glob("*.npz"))

# float32 recordings: values of order one carry rounding of about 1e-6, sums over up to 336 positions of cancelling
# signs of some 1e-5, and the absolute part covers those near zero. Variables are averages without cancellation; their
# tighter bound tells a Bessel-corrected variance from a biased one even at decay 0.999 (3e-4 after six steps).
RTOL = {"y": 1e-4, "dx": 1e-4, "sum": 1e-4, "variable": 1e-5}
ATOL = {"y": 1e-5, "dx": 1e-5, "sum": 1e-4, "variable": 1e-6}

# Slim's variables that hold the debiased mean's own average and step count.
RENAMED = {"biased": "biased_mean", "local_step": "steps"}


def read(path):
    with np.load(path) as file:
        data = {key: file[key] for key in file.files}
    return data, json.loads(str(data.pop("meta")))


def config_of(meta):
    kwargs = {k: v for k, v in meta["kwargs"].items() if k not in ("activation_fn", "param_initializers")}
    make = NormConfig.from_tf_layers if meta["api"].startswith("tf.layers") else NormConfig.from_slim
    return make(rank=len(meta["shape"]), **kwargs)


def channels_of(meta, config):
    axes = config.axis if isinstance(config.axis, tuple) else (config.axis,)
    return tuple(meta["shape"][a] for a in axes)


def adjustment_of(meta, config):
    if not config.adjusted:
        return None
    channel = np.arange(channels_of(meta, config)[0])
    return 1 + 0.05 * channel, 0.1 - 0.02 * channel


def initial_state(meta, config):
    initializers = meta["kwargs"].get("param_initializers", {})
    return State.initial(config, channels_of(meta, config), **initializers)


def assert_close(actual, recorded, kind, what):
    actual = np.asarray(actual).reshape(recorded.shape)  # originals keep axes of one for several channel axes
    np.testing.assert_allclose(actual, recorded, rtol=RTOL[kind], atol=ATOL[kind], err_msg=what)


@pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.stem)
def test_reference_reproduces_the_recording(path):
    data, meta = read(path)
    config = config_of(meta)
    relu = meta["kwargs"].get("activation_fn") == "relu"
    state = initial_state(meta, config)
    assert meta["steps"] == 6
    for step in range(meta["steps"]):
        y, state, cache = training_forward(
            data[f"x/{step}"], state, config, data.get(f"batch_weights/{step}"), adjustment_of(meta, config)
        )
        dy = data[f"w/{step}"] * (y > 0) if relu else data[f"w/{step}"]  # the recorded loss is Σ w·y
        gradients = backward(dy, cache)
        assert_close(np.maximum(y, 0) if relu else y, data[f"y/{step}"], "y", f"y/{step}")
        assert_close(gradients.dx, data[f"dx/{step}"], "dx", f"dx/{step}")
        for name in meta["trainable"]:
            gradient = getattr(gradients, "d" + name.rsplit("/", 1)[1])
            assert_close(gradient, data[f"d/{name}/{step}"], "sum", f"d/{name}/{step}")
        for name in meta["variables"]:
            last = name.rsplit("/", 1)[1]
            variable = getattr(state, RENAMED.get(last, last))
            assert_close(variable, data[f"update/{name}/{step}"], "variable", f"{name}/{step}")
    y = inference(data["x_test"], state, config)
    assert_close(np.maximum(y, 0) if relu else y, data["y_test"], "y", "y_test")


@pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.stem)
def test_the_other_stored_variance_would_not_match_the_recording(path):
    data, meta = read(path)
    config = config_of(meta)
    other = replace(config, bessel_correction=not config.bessel_correction)
    state = initial_state(meta, other)
    for step in range(meta["steps"]):
        weights, adjustment = data.get(f"batch_weights/{step}"), adjustment_of(meta, other)
        _, state, _ = training_forward(data[f"x/{step}"], state, other, weights, adjustment)
    name = next(name for name in meta["variables"] if name.endswith("moving_variance"))
    recorded = data[f"update/{name}/5"]
    if meta["kwargs"].get("trainable", True):
        with pytest.raises(AssertionError):
            assert_close(state.moving_variance, recorded, "variable", name)
    else:
        assert (recorded == 1).all()  # never updated, so it shows nothing


def test_every_recording_is_here_and_wholly_used():
    assert len(GOLDENS) == 40
    used = ("x", "w", "y", "dx", "batch_weights")
    for path in GOLDENS:
        data, meta = read(path)
        expected = {"x_test", "y_test"}
        for step in range(meta["steps"]):
            expected |= {f"{name}/{step}" for name in used if f"{name}/0" in data}
            expected |= {f"d/{name}/{step}" for name in meta["trainable"]}
            expected |= {f"update/{name}/{step}" for name in meta["variables"]}
        assert set(data) == expected
        config = config_of(meta)
        variables = {name.rsplit("/", 1)[1] for name in meta["variables"]}
        assert ("gamma" in variables, "beta" in variables) == (config.scale, config.center)
        assert ("renorm_mean" in variables) == (config.renorm is not None)
