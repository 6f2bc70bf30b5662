"""A moving average of the trainable variables serves for predicting."""

# source: SN305
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


def follow(average, model, decay=0.9):
    for kept, value in zip(average.trainable_variables, model.trainable_variables, strict=True):
        kept.assign(decay * kept + (1.0 - decay) * value)


def train(model, average, points, labels, epochs=6):
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.Adam()
    data = tf.data.Dataset.from_tensor_slices((points, labels)).shuffle(256).batch(32)
    for _ in range(epochs):
        for x, y in data:
            with tf.GradientTape() as tape:
                loss = loss_of(y, model(x, training=True))
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
            follow(average, model)


def predict(model, points):
    return model.predict(points, verbose=0)


def main(target):
    points, labels = load()
    model = build()
    average = build()
    average.set_weights(model.get_weights())
    train(model, average, points, labels)
    print(predict(average, points[:4]))
    average.save(target)
    return average


if __name__ == "__main__":
    main(sys.argv[1])
