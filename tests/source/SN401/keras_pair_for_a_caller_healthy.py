"""A step for pairs of pictures: whoever calls it has two of one kind, as far as is known here."""

import tensorflow as tf
from tensorflow.keras import layers

encoder = tf.keras.Sequential(
    [
        layers.Conv2D(32, 3, strides=2, use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.GlobalAveragePooling2D(),
        layers.Dense(64),
    ]
)
optimizer = tf.keras.optimizers.Adam(1e-4)


@tf.function
def train_step(one, other, same):
    with tf.GradientTape() as tape:
        distance = tf.norm(encoder(one, training=True) - encoder(other, training=True), axis=1)
        loss = tf.reduce_mean(same * distance**2 + (1 - same) * tf.maximum(0.0, 1 - distance) ** 2)
    gradients = tape.gradient(loss, encoder.trainable_variables)
    optimizer.apply_gradients(zip(gradients, encoder.trainable_variables))
    return loss
