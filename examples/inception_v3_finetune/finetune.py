"""Fine-tunes a pre-trained InceptionV3 on handwritten digits, with a fast and with a slow decay of the statistics.

    python examples/inception_v3_finetune/finetune.py --steps 150 --output /tmp/inception

Both train alike. With decay 0.9 the statistics follow the weights and the new data within tens of steps; with 0.9997,
right for a pre-training of a million steps, they are still those of the old weights and data at the end of a short
run, and inference, which normalizes by them, fails. Needs tensorflow and scikit-learn.

The checkpoint beside this file is a narrow InceptionV3 (a tenth of the channels, 139×139 pixels, 10 classes) that slim
wrote, with predictions recorded from the original.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from network import Inception
from plot import plot
from sklearn.datasets import load_digits

from steadynorm.tensorflow import Saver, assign_from_checkpoint_fn, create_train_op

v1 = tf.compat.v1
CHECKPOINT = Path(__file__).parent / "checkpoint" / "model.ckpt"
PREDICTIONS = Path(__file__).parent / "checkpoint" / "predictions.npz"
SIZE = 139


def build(training: Any, decay: float) -> tuple[Any, Any, Any]:
    """Placeholders of images (N, 139, 139, 3) or smaller in [−1, 1] and of labels, and logits."""
    images = v1.placeholder(tf.float32, [None, None, None, 3], "images")
    labels = v1.placeholder(tf.int64, [None], "labels")
    large = tf.image.resize(images, [SIZE, SIZE])
    return images, labels, Inception(training, decay, depth_multiplier=0.1, min_depth=4)(large)


def restored_logits() -> tuple[Any, Any]:
    """The logits of the restored network, and those that were recorded from the original."""
    recorded = np.load(PREDICTIONS)
    with tf.Graph().as_default(), v1.Session() as session:
        images, _, logits = build(training=False, decay=0.9997)
        assign_from_checkpoint_fn(CHECKPOINT, v1.global_variables())(session)
        return session.run(logits, {images: recorded["images"]}), recorded["logits"]


def digits() -> tuple[Any, Any, Any, Any]:
    """Images (N, 8, 8, 3) in [−1, 1] and labels: 1400 to train on, 128 to validate on."""
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    images = np.repeat((images / 8 - 1).astype(np.float32).reshape(-1, 8, 8, 1), 3, axis=3)[order]
    labels = labels[order].astype(np.int64)
    return images[:1400], labels[:1400], images[1400:1528], labels[1400:1528]


@dataclass
class Run:
    """What a fine-tuning gave: losses as (step, loss), and that of the saved checkpoint in a graph for inference."""

    decay: float
    training: list[tuple[int, float]] = field(default_factory=list)
    validation: list[tuple[int, float]] = field(default_factory=list)
    saved: float = math.nan
    checkpoint: str = ""


def finetune(
    decay: float, steps: int, folder: Path, save: str = "trainable", batch_size: int = 32, every: int = 10
) -> Run:
    """Restores everything, momentum of the optimizer and global step included, and trains on digits.

    Arguments:
        decay: of the moving statistics.
        steps: how many.
        folder: of the checkpoint that is written at the end.
        save: "trainable" for the trainable variables, to which the Saver adds the statistics, or "everything".
        batch_size: images per step.
        every: steps between validations.
    """
    folder.mkdir(parents=True, exist_ok=True)
    train_images, train_labels, images_held_out, labels_held_out = digits()
    run = Run(decay)
    with tf.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(0)
        training = v1.placeholder_with_default(False, [], "is_training")
        images, labels, logits = build(training, decay)
        loss = v1.losses.sparse_softmax_cross_entropy(labels, logits)
        train_op = create_train_op(loss, v1.train.MomentumOptimizer(0.01, 0.9))
        print(assign_from_checkpoint_fn(CHECKPOINT, v1.global_variables())(session))
        saver = Saver(v1.trainable_variables() if save == "trainable" else None)

        generator = np.random.default_rng(1)
        recent: list[float] = []
        for step in range(1, steps + 1):
            chosen = generator.choice(len(train_images), batch_size, replace=False)
            feeds = {images: train_images[chosen], labels: train_labels[chosen], training: True}
            recent.append(float(session.run(train_op, feeds)))
            if step % every == 0 or step == steps:
                held_out = float(session.run(loss, {images: images_held_out, labels: labels_held_out}))
                run.training.append((step, float(np.mean(recent))))
                run.validation.append((step, held_out))
                print(f"decay {decay:<6}  step {step:4d}  training {np.mean(recent):8.4f}  validation {held_out:10.4f}")
                recent.clear()
        run.checkpoint = saver.save(session, str(folder / f"decay_{decay}" / "model.ckpt"))

    with tf.Graph().as_default(), v1.Session() as session:
        images, labels, logits = build(training=False, decay=decay)
        loss = v1.losses.sparse_softmax_cross_entropy(labels, logits)
        assign_from_checkpoint_fn(run.checkpoint, v1.global_variables())(session)
        run.saved = float(session.run(loss, {images: images_held_out, labels: labels_held_out}))
    return run


def main(steps: int, folder: Path, save: str = "trainable", batch_size: int = 32) -> list[Run]:
    """Compares the restored network with the original, fine-tunes with both decays, prints and plots the losses."""
    logits, recorded = restored_logits()
    difference = np.abs(logits - recorded).max() / np.abs(recorded).max()
    print(f"restored logits differ from the original's by {difference:.1e} of the largest")
    runs = [finetune(decay, steps, folder, save, batch_size) for decay in (0.9, 0.9997)]
    for run in runs:
        print(
            f"decay {run.decay}: training loss {run.training[-1][1]:.4f}, validation loss {run.validation[-1][1]:.4f}, "
            f"from {run.checkpoint} {run.saved:.4f}"
        )
    curves = {}
    for run in runs:
        curves[f"training, decay {run.decay}"] = run.training
        curves[f"validation, decay {run.decay}"] = run.validation
    plot(folder / "losses.svg", curves)
    print(f"plotted to {folder / 'losses.svg'}")
    return runs


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--save", choices=("trainable", "everything"), default="trainable")
    parser.add_argument("--output", type=Path, default=None, help="folder; a temporary one by default")
    arguments = parser.parse_args()
    output = arguments.output or Path(tempfile.mkdtemp())
    main(arguments.steps, output, arguments.save, arguments.batch_size)
