"""The train step leaves the mode out, which is inference then."""

# source: SN202
# stored: SN103
# measured: off still
import sys

import keras
import tensorflow as tf
from blobs import FEATURES, load


def build():
    return keras.Sequential(
        [
            keras.Input((FEATURES,)),
            keras.layers.Dense(16, use_bias=False),
            keras.layers.BatchNormalization(momentum=0.9),
            keras.layers.ReLU(),
            keras.layers.Dense(2),
        ]
    )


def train(model, points, labels, epochs=6):
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.Adam()
    data = tf.data.Dataset.from_tensor_slices((points, labels)).shuffle(256).batch(32)
    for _ in range(epochs):
        for x, y in data:
            with tf.GradientTape() as tape:
                loss = loss_of(y, model(x))
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))


def predict(model, points):
    return model.predict(points, verbose=0)


def main(target):
    points, labels = load()
    model = build()
    train(model, points, labels)
    model.save(target)
    return model


if __name__ == "__main__":
    main(sys.argv[1])
