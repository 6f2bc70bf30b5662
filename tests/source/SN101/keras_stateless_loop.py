"""Train a small image classifier with a hand-written JAX loop around a Keras model."""

import os

os.environ["KERAS_BACKEND"] = "jax"

import jax
import keras
import numpy as np
from keras import layers


def build_model(num_classes):
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(32, 3, padding="same", use_bias=False)(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.Activation("relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(num_classes)(x))


model = build_model(10)
optimizer = keras.optimizers.Adam(1e-3)
optimizer.build(model.trainable_variables)
loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def compute_loss(trainable, non_trainable, x, y):
    logits, _ = model.stateless_call(trainable, non_trainable, x, training=True)  # expect: SN101
    return loss_fn(y, logits)


grad_fn = jax.value_and_grad(compute_loss)


@jax.jit
def train_step(state, x, y):
    trainable, non_trainable, opt_vars = state
    loss, grads = grad_fn(trainable, non_trainable, x, y)
    trainable, opt_vars = optimizer.stateless_apply(opt_vars, grads, trainable)
    return loss, (trainable, non_trainable, opt_vars)


(x_train, y_train), _ = keras.datasets.cifar10.load_data()
rng = np.random.default_rng(0)
state = (
    [v.value for v in model.trainable_variables],
    [v.value for v in model.non_trainable_variables],
    [v.value for v in optimizer.variables],
)
for epoch in range(20):
    order = rng.permutation(len(x_train))
    for start in range(0, len(order) - 128, 128):
        index = order[start : start + 128]
        loss, state = train_step(state, x_train[index] / 255.0, y_train[index])
    print(epoch, float(loss))
