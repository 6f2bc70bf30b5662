"""A model and data that the tests of the Estimator share."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from steadynorm.tensorflow import estimator as est

v1 = tf.compat.v1
DECAY = 0.9


@pytest.fixture(autouse=True)
def _close_event_files() -> Iterator[None]:
    """Event files of TensorFlow 1 stay open in a cache; a test's go with it."""
    yield
    close_event_files()


def close_event_files() -> None:
    with tf.Graph().as_default():
        v1.summary.FileWriterCache.clear()


def normalization(x: Any, training: bool, scope: str = "bn") -> Any:
    """Batch normalization by hand: gamma, beta, moving statistics, updates in UPDATE_OPS."""
    with v1.variable_scope(scope):
        size = x.shape[-1]
        gamma = v1.get_variable("gamma", [size], initializer=v1.ones_initializer())
        beta = v1.get_variable("beta", [size], initializer=v1.zeros_initializer())
        mean = v1.get_variable("moving_mean", [size], initializer=v1.zeros_initializer(), trainable=False)
        variance = v1.get_variable("moving_variance", [size], initializer=v1.ones_initializer(), trainable=False)
        if not training:
            return tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-3)
        batch_mean, batch_variance = tf.nn.moments(x, [0])
        for stored, batch in ((mean, batch_mean), (variance, batch_variance)):
            update = v1.assign_sub(stored, (stored - batch) * (1 - DECAY))
            v1.add_to_collection(v1.GraphKeys.UPDATE_OPS, update)
        return tf.nn.batch_normalization(x, batch_mean, batch_variance, beta, gamma, 1e-3)


def model_fn(features: Any, labels: Any, mode: str, params: dict[str, Any]) -> est.EstimatorSpec:
    """Regression on normalized features, written as for tf.estimator; forgets the updates unless params say so."""
    x = features["x"] if isinstance(features, dict) else features
    hidden = normalization(x, mode == est.ModeKeys.TRAIN)
    weights = v1.get_variable("dense/kernel", [x.shape[-1], 1], initializer=v1.zeros_initializer())
    prediction = tf.squeeze(tf.matmul(hidden, weights), 1)
    if mode == est.ModeKeys.PREDICT:
        return est.EstimatorSpec(mode, predictions={"y": prediction, "doubled": 2 * prediction})
    loss = v1.losses.mean_squared_error(labels, prediction)
    metrics = {"error": v1.metrics.mean_absolute_error(labels, prediction)}
    if mode == est.ModeKeys.EVAL:
        return est.EstimatorSpec(mode, loss=loss, eval_metric_ops=metrics)
    optimizer = v1.train.GradientDescentOptimizer(params.get("learning_rate", 0.1))
    updates = v1.get_collection(v1.GraphKeys.UPDATE_OPS) if params.get("updates") else []
    with tf.control_dependencies(updates):
        train_op = optimizer.minimize(loss, global_step=v1.train.get_global_step())
    return est.EstimatorSpec(mode, loss=loss, train_op=train_op)


@pytest.fixture
def model() -> Callable[..., est.EstimatorSpec]:
    return model_fn


@pytest.fixture
def norm() -> Callable[..., Any]:
    return normalization


@pytest.fixture(scope="session")
def data() -> tuple[Any, Any]:
    """32 examples with 2 features of mean about (3, −1), and what is to be predicted from them."""
    generator = np.random.default_rng(0)
    x = (generator.normal(size=(32, 2)) * [2, 0.5] + [3, -1]).astype(np.float32)
    return x, (x @ np.float32([1, -2]) + 0.5).astype(np.float32)


@pytest.fixture
def input_fn(data: tuple[Any, Any]) -> Callable[[], Any]:
    """All data as one batch, without end."""
    return lambda: tf.data.Dataset.from_tensors(({"x": data[0]}, data[1])).repeat()


@pytest.fixture
def once(data: tuple[Any, Any]) -> Callable[[], Any]:
    """All data once, in batches of 10, 10, 10 and 2."""
    return lambda: tf.data.Dataset.from_tensor_slices(({"x": data[0]}, data[1])).batch(10)


@pytest.fixture
def config() -> est.RunConfig:
    return est.RunConfig(tf_random_seed=1, save_checkpoints_steps=5, log_step_count_steps=None)


@pytest.fixture
def make(tmp_path: Any, config: est.RunConfig) -> Callable[..., est.Estimator]:
    """Makes an Estimator with the shared model in a folder of this test."""

    def build(function: Callable[..., Any] = model_fn, folder: str = "model", **options: Any) -> est.Estimator:
        options.setdefault("params", {"updates": True} if function is model_fn else None)
        options.setdefault("config", config)
        return est.Estimator(function, model_dir=tmp_path / folder, **options)

    return build


@pytest.fixture(scope="session")
def trained_folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The folder of the shared model after so many steps, trained once for all tests, which leave it as it is."""
    found: dict[int, Path] = {}

    def folder(steps: int, config: est.RunConfig, input_fn: Callable[[], Any]) -> Path:
        if steps not in found:
            found[steps] = tmp_path_factory.mktemp("trained") / "model"
            est.Estimator(model_fn, found[steps], config, {"updates": True}).train(input_fn, steps=steps)
            close_event_files()
        return found[steps]

    return folder


@pytest.fixture
def make_trained(
    make: Callable[..., est.Estimator],
    trained_folders: Callable[..., Path],
    tmp_path: Path,
    config: est.RunConfig,
    input_fn: Callable[[], Any],
) -> Callable[..., est.Estimator]:
    """Makes an Estimator with the shared model as it is after so many steps, in a folder of this test."""

    def build(steps: int, folder: str = "model") -> est.Estimator:
        shutil.copytree(trained_folders(steps, config, input_fn), tmp_path / folder)
        return make(folder=folder)

    return build
