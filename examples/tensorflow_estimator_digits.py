"""An Estimator on handwritten digits: trains, evaluates, predicts, exports, and starts a second model from the first.

    python examples/tensorflow_estimator_digits.py --model_dir /tmp/digits --steps 300

The model_fn is written as it was for tf.estimator, init_checkpoint included. Needs tensorflow and scikit-learn.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

from steadynorm.tensorflow import (
    batch_normalization,
    estimator,
    get_assignment_map_from_checkpoint,
    init_from_checkpoint,
)

v1 = tf.compat.v1


def network(images: Any, training: bool) -> Any:
    """Logits (N, 10) of images (N, 8, 8, 1)."""
    x = images
    for index, filters in enumerate((16, 32)):
        with v1.variable_scope(f"conv{index + 1}"):
            shape = [3, 3, x.shape[-1], filters]
            kernel = v1.get_variable("kernel", shape, initializer=v1.glorot_uniform_initializer())
            x = tf.nn.conv2d(x, kernel, strides=1, padding="SAME")
            x = tf.nn.relu(batch_normalization(x, momentum=0.9, training=training, name="norm"))
    x = tf.reduce_mean(x, [1, 2])
    kernel = v1.get_variable("logits/kernel", [x.shape[-1], 10], initializer=v1.glorot_uniform_initializer())
    return tf.matmul(x, kernel) + v1.get_variable("logits/bias", [10], initializer=v1.zeros_initializer())


def model_fn(features: Any, labels: Any, mode: str, params: dict[str, Any]) -> estimator.EstimatorSpec:
    """Classifies digits; starts from params["init_checkpoint"] if it is there."""
    logits = network(features["image"], training=mode == estimator.ModeKeys.TRAIN)
    if params.get("init_checkpoint"):
        # All variables, not the trainable ones alone: the moving statistics belong to the weights.
        variables = v1.global_variables("conv|logits")
        mapping, _ = get_assignment_map_from_checkpoint(variables, params["init_checkpoint"])
        init_from_checkpoint(params["init_checkpoint"], mapping)

    classes = tf.argmax(logits, 1)
    if mode == estimator.ModeKeys.PREDICT:
        return estimator.EstimatorSpec(mode, predictions={"class": classes, "probabilities": tf.nn.softmax(logits)})
    loss = v1.losses.sparse_softmax_cross_entropy(labels, logits)
    if mode == estimator.ModeKeys.EVAL:
        metrics = {"accuracy": v1.metrics.accuracy(labels, classes)}
        return estimator.EstimatorSpec(mode, loss=loss, eval_metric_ops=metrics)
    optimizer = v1.train.AdamOptimizer(params["learning_rate"])
    # The line that is forgotten most: train() would attach the updates and say so.
    with tf.control_dependencies(v1.get_collection(v1.GraphKeys.UPDATE_OPS)):
        train_op = optimizer.minimize(loss, global_step=v1.train.get_global_step())
    return estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)


def input_fns() -> tuple[Callable[[], Any], Callable[[], Any]]:
    """The training data, shuffled without end, and the validation data once."""
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32).reshape(-1, 8, 8, 1)
    order = np.random.default_rng(0).permutation(len(images))
    images, labels = images[order], labels[order].astype(np.int64)

    def train_input_fn() -> Any:
        dataset = tf.data.Dataset.from_tensor_slices(({"image": images[:1400]}, labels[:1400]))
        return dataset.shuffle(1400, seed=0).repeat().batch(64)

    def validation_input_fn() -> Any:
        return tf.data.Dataset.from_tensor_slices(({"image": images[1400:]}, labels[1400:])).batch(100)

    return train_input_fn, validation_input_fn


def serving_input_receiver_fn() -> estimator.export.ServingInputReceiver:
    """A model that is served gets images."""
    image = v1.placeholder(tf.float32, [None, 8, 8, 1], "image")
    return estimator.export.ServingInputReceiver({"image": image}, {"image": image})


def run(model_dir: str, steps: int) -> dict[str, Any]:
    """Trains a model, and a second one from its checkpoint.

    Returns:
        metrics of the first, of the second before its first step, and after some.
    """
    train_input_fn, validation_input_fn = input_fns()
    config = estimator.RunConfig(tf_random_seed=0, save_checkpoints_steps=100)
    first = estimator.Estimator(model_fn, os.path.join(model_dir, "first"), config, {"learning_rate": 1e-3})
    train_spec = estimator.TrainSpec(train_input_fn, max_steps=steps)
    estimator.train_and_evaluate(first, train_spec, estimator.EvalSpec(validation_input_fn, steps=None))
    trained = first.evaluate(validation_input_fn)
    print("first model:", trained)
    for example, _ in zip(first.predict(validation_input_fn), range(3), strict=False):
        print(f"class {example['class']} with probability {example['probabilities'].max():.3f}")
    print("exported to", first.export_saved_model(os.path.join(model_dir, "export"), serving_input_receiver_fn))

    params = {"learning_rate": 1e-4, "init_checkpoint": first.latest_checkpoint()}
    second = estimator.Estimator(model_fn, os.path.join(model_dir, "second"), config, params)
    started = second.evaluate(validation_input_fn)
    second.train(train_input_fn, steps=max(1, steps // 10))
    tuned = second.evaluate(validation_input_fn)
    print("second model, before its first step:", started)
    print("second model:", tuned)
    return {"trained": trained, "started": started, "tuned": tuned}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model_dir", default=None, help="folder of checkpoints; a temporary one by default")
    parser.add_argument("--steps", type=int, default=300)
    arguments = parser.parse_args()
    run(arguments.model_dir or tempfile.mkdtemp(), arguments.steps)
