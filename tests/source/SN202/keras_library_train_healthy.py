"""A library's training step: whether the model has normalization layers is not known here."""

import tensorflow as tf
from tensorflow.keras import Model, layers


def get_model(filters):
    inputs = layers.Input((32, 32, 3))
    x = layers.Conv2D(filters, 3, use_bias=False)(inputs)
    x = layers.BatchNormalization()(x)
    return Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


def run_epoch(model, data, optimizer, loss_fn):
    for x, y in data:
        with tf.GradientTape() as tape:
            loss = loss_fn(y, model(x))
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables))


def train(model, data, epochs, loss_fn):
    optimizer = tf.keras.optimizers.Adam(1e-3)
    for _ in range(epochs):
        run_epoch(model, data, optimizer, loss_fn)
