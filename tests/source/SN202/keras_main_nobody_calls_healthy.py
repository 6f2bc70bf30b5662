"""The loop is reached from a function that nobody in the file calls."""

import tensorflow as tf
from tensorflow.keras import Model, layers


def get_model(filters):
    inputs = layers.Input((32, 32, 3))
    x = layers.Conv2D(filters, 3, use_bias=False)(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(x)
    x = layers.GlobalAveragePooling2D()(x)
    return Model(inputs, layers.Dense(10)(x))


def run_epoch(model, data, optimizer, loss_fn):
    for x, y in data:
        with tf.GradientTape() as tape:
            loss = loss_fn(y, model(x, training=True))
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables))


def main(cfg):
    model = get_model(cfg.filters)
    loss_fn = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    run_epoch(model, load(cfg), tf.keras.optimizers.Adam(cfg.lr), loss_fn)
