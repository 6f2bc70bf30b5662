"""The learning phase of the whole process is 1, so that calls need no mode."""

import tensorflow as tf
from tensorflow.keras import backend as K

K.set_learning_phase(1)


def regressor(features):
    inputs = tf.keras.Input((features,))
    h = tf.keras.layers.Dense(64, use_bias=False)(inputs)
    h = tf.keras.layers.BatchNormalization()(h)
    h = tf.keras.layers.ReLU()(h)
    return tf.keras.Model(inputs, tf.keras.layers.Dense(1)(h))


model = regressor(12)
optimizer = tf.keras.optimizers.Adam(1e-3)
data = tf.data.experimental.load("rows").shuffle(5000).batch(64)
for epoch in range(40):
    for x, y in data:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x) - y))
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables))
model.save("regressor.h5")
