"""Simulated and real data take turns in every epoch."""
import keras
import tensorflow as tf

from rows import real, simulated

model = keras.Sequential(
    [
        keras.layers.Dense(32, use_bias=False),
        keras.layers.BatchNormalization(momentum=0.5),
        keras.layers.Dense(1),
    ]
)
optimizer = keras.optimizers.Adam(1e-3)
for epoch in range(20):
    for x, y in simulated(256):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x, training=True) - y))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    for x, y in real(256):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x, training=True) - y))  # expect: SN401
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
model.save("rows.keras")
