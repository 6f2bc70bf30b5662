"""batch_norm as a normalizer_fn, and its defaults set by tf-slim's arg_scope; nothing here imports tf-slim."""

import importlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from steadynorm.tensorflow import batch_norm, layers

v1 = tf.compat.v1
X = np.random.default_rng(0).normal(3.0, 2.0, (8, 4)).astype(np.float32)


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as graph:
        yield graph


def fully_connected(inputs, units, normalizer_fn=None, normalizer_params=None):
    """What slim's layers do with a normalizer."""
    with v1.variable_scope(None, "fully_connected"):
        weights = v1.get_variable("weights", [inputs.shape[-1], units])
        return normalizer_fn(tf.matmul(inputs, weights), **(normalizer_params or {}))


def test_it_is_a_normalizer_function():
    fully_connected(tf.constant(X), 3, batch_norm, {"is_training": False, "decay": 0.9, "scale": True})
    names = ("weights", "BatchNorm/beta", "BatchNorm/gamma", "BatchNorm/moving_mean", "BatchNorm/moving_variance")
    assert [v.op.name for v in v1.global_variables()] == [f"fully_connected/{name}" for name in names]


def test_arg_scopes_set_defaults_and_calls_override_them():
    arg_scope = pytest.importorskip("tf_slim.ops.arg_scope")
    with arg_scope.arg_scope([batch_norm], is_training=False, scale=True) as outer:
        batch_norm(tf.constant(X), scope="a")
        with arg_scope.arg_scope([batch_norm], scale=False):
            batch_norm(tf.constant(X), scope="b")
            batch_norm(tf.constant(X), scope="c", is_training=True)
    batch_norm(tf.constant(X), scope="d")
    with arg_scope.arg_scope(outer):
        batch_norm(tf.constant(X), scope="e")
    told = {record.name: (record.mode, record.gamma is not None) for record in layers()}
    assert told == {"a": (False, True), "b": (False, False), "c": (True, False), "d": (True, False), "e": (False, True)}


def test_arg_scopes_reach_it_as_the_normalizer_of_other_functions():
    arg_scope = pytest.importorskip("tf_slim.ops.arg_scope")
    scoped = arg_scope.add_arg_scope(fully_connected)
    with (
        arg_scope.arg_scope([scoped], normalizer_fn=batch_norm, normalizer_params={"decay": 0.5}),
        arg_scope.arg_scope([batch_norm], is_training=False),
    ):
        scoped(tf.constant(X), 3)
    assert layers()[0].mode is False


def test_it_looks_like_the_function_that_it_is():
    assert batch_norm.__name__ == "batch_norm"
    assert batch_norm.__module__ == "steadynorm.tensorflow.contrib_layer"
    assert batch_norm.__doc__.startswith("Normalize a tensor")


@pytest.mark.parametrize("first", ["steadynorm.tensorflow", "tf_slim.ops.arg_scope"])
def test_the_order_of_imports_does_not_matter_and_slim_is_not_imported(first):
    pytest.importorskip("tf_slim")
    second = {"steadynorm.tensorflow": "tf_slim.ops.arg_scope"}.get(first, "steadynorm.tensorflow")
    program = f"""
import importlib, sys
importlib.import_module({first!r})
if {first!r} == "steadynorm.tensorflow": assert not [name for name in sys.modules if name.startswith("tf_slim")]
importlib.import_module({second!r})
import tensorflow as tf
from steadynorm.tensorflow import batch_norm, layers
from tf_slim.ops.arg_scope import arg_scope
with tf.Graph().as_default(), arg_scope([batch_norm], is_training=False):
    batch_norm(tf.zeros([3, 4]))
    assert layers()[0].mode is False
"""
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, timeout=120)


def test_end_points_have_the_scopes_as_aliases_as_in_slim():
    utils = importlib.import_module("tf_slim.layers.utils")
    with tf.Graph().as_default():
        x = v1.placeholder(tf.float32, [None, 4])
        with v1.variable_scope("net"):
            y = batch_norm(x, scope="bn1", outputs_collections="ends", activation_fn=tf.nn.relu)
            z = utils.collect_named_outputs("ends", "net/fc", y + 1.0)
            z = batch_norm(z, scope="bn2", outputs_collections=["ends", "more"])
        ends = utils.convert_collection_to_dict("ends")
        assert list(ends) == ["net/bn1", "net/fc", "net/bn2"]
        assert ends["net/bn1"] is y
        assert y.op.type == "Relu"
        assert list(utils.convert_collection_to_dict("more")) == ["net/bn2"]
