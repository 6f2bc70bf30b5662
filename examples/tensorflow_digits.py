"""A graph-mode network on handwritten digits whose mode is a placeholder: what it learned holds for batches of one.

    python examples/tensorflow_digits.py --steps 300

Needs tensorflow and scikit-learn.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

from steadynorm.tensorflow import assert_updates_run, batch_norm, create_train_op

v1 = tf.compat.v1


def convolution(x: Any, filters: int, training: Any, scope: str) -> Any:
    """3×3 convolution without a bias, which the normalization would cancel; normalization; relu."""
    with v1.variable_scope(scope):
        weights = v1.get_variable("weights", [3, 3, x.shape[-1], filters], initializer=v1.glorot_uniform_initializer())
        x = tf.nn.conv2d(x, weights, strides=1, padding="SAME")
        return batch_norm(x, decay=0.9, is_training=training, activation_fn=tf.nn.relu, scope="BatchNorm")


def network(images: Any, training: Any) -> Any:
    """Logits (N, 10) of images (N, 8, 8, 1)."""
    x = convolution(images, 16, training, "conv1")
    x = convolution(x, 32, training, "conv2")
    x = tf.nn.max_pool2d(x, 2, 2, "SAME")
    x = convolution(x, 32, training, "conv3")
    x = tf.reduce_mean(x, [1, 2])
    weights = v1.get_variable("logits/weights", [32, 10], initializer=v1.glorot_uniform_initializer())
    biases = v1.get_variable("logits/biases", [10], initializer=v1.zeros_initializer())
    return tf.matmul(x, weights) + biases


def data() -> tuple[Any, Any, Any, Any]:
    """Images in [0, 1] and labels: 1400 to train on, 397 to validate on."""
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32).reshape(-1, 8, 8, 1)
    order = np.random.default_rng(0).permutation(len(images))
    images, labels = images[order], labels[order].astype(np.int64)
    return images[:1400], labels[:1400], images[1400:], labels[1400:]


def run(steps: int, batch_size: int = 64) -> dict[str, float]:
    """Trains, then validates in large batches and one by one.

    Returns:
        the accuracy of each, and the largest difference between their logits.
    """
    train_images, train_labels, images, labels = data()
    with tf.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(0)
        x = v1.placeholder(tf.float32, [None, 8, 8, 1], "images")
        y = v1.placeholder(tf.int64, [None], "labels")
        # Not fed, it is inference: whoever forgets to say the mode cannot change the statistics.
        training = v1.placeholder_with_default(False, [], "is_training")
        logits = network(x, training)
        loss = v1.losses.sparse_softmax_cross_entropy(y, logits)
        train_op = create_train_op(loss, v1.train.AdamOptimizer(1e-3))
        assert_updates_run(train_op)

        session.run(v1.global_variables_initializer())
        generator = np.random.default_rng(1)
        for step in range(steps):
            chosen = generator.choice(len(train_images), batch_size, replace=False)
            feeds = {x: train_images[chosen], y: train_labels[chosen], training: True}
            value = session.run(train_op, feeds)
            if step % 50 == 0:
                print(f"step {step:4d}  training loss {value:.4f}")

        together = session.run(logits, {x: images})
        single = np.concatenate([session.run(logits, {x: images[i : i + 1]}) for i in range(len(images))])
    result = {
        "accuracy_large_batches": float((together.argmax(1) == labels).mean()),
        "accuracy_batches_of_one": float((single.argmax(1) == labels).mean()),
        "largest_difference": float(np.abs(together - single).max()),
    }
    for name, value in result.items():
        print(f"{name.replace('_', ' ')}: {value:.3g}")
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300)
    run(parser.parse_args().steps)
