"""Train, or continue from a checkpoint and evaluate."""

import argparse

import tensorflow as tf
from tensorflow.keras import layers


def create():
    return tf.keras.Sequential(
        [
            layers.Dense(128, use_bias=False, input_shape=(64,)),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Dense(5),
        ]
    )


def train(folder):
    model = create()
    optimizer = tf.keras.optimizers.Adam()
    loss_fn = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    checkpoint = tf.train.Checkpoint(net=model, optimizer=optimizer)
    manager = tf.train.CheckpointManager(checkpoint, folder, max_to_keep=3)
    for x, y in tf.data.experimental.load("train").shuffle(10000).batch(64).repeat(20):
        with tf.GradientTape() as tape:
            loss = loss_fn(y, model(x, training=True))
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables))
    manager.save()


def evaluate(folder):
    model = create()
    checkpoint = tf.train.Checkpoint(net=model)
    checkpoint.restore(tf.train.latest_checkpoint(folder)).expect_partial()
    metric = tf.keras.metrics.SparseCategoricalAccuracy()
    for x, y in tf.data.experimental.load("test").batch(256):
        metric.update_state(y, model(x, training=False))
    print(metric.result().numpy())


parser = argparse.ArgumentParser()
parser.add_argument("mode", choices=["train", "evaluate"])
parser.add_argument("--folder", default="checkpoints")
args = parser.parse_args()
if args.mode == "train":
    train(args.folder)
else:
    evaluate(args.folder)
