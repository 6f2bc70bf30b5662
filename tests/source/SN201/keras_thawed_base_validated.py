"""Fine-tuning by hand: first the head of MobileNetV2 alone, then all of it."""

import tensorflow as tf
from data import training_batches, validation_batches

base = tf.keras.applications.MobileNetV2(input_shape=(160, 160, 3), include_top=False, weights="imagenet")
base.trainable = False
model = tf.keras.Sequential([base, tf.keras.layers.GlobalAveragePooling2D(), tf.keras.layers.Dense(1)])
criterion = tf.keras.losses.BinaryCrossentropy(from_logits=True)


def train(epochs, rate):
    optimizer = tf.keras.optimizers.Adam(rate)
    for _ in range(epochs):
        for images, labels in training_batches():
            with tf.GradientTape() as tape:
                loss = criterion(labels, model(images, training=True))
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


train(5, 1e-3)
base.trainable = True
train(10, 1e-5)
for images, labels in validation_batches():
    print(criterion(labels, model(images, training=True)).numpy())  # expect: SN201
