"""What is written where a functional model is built gives way to what Keras 3 is told when it runs."""

# source:
# stored:
# measured:
import sys

import keras
from blobs import FEATURES, load


def build():
    inputs = keras.Input((FEATURES,))
    x = keras.layers.Dense(16, use_bias=False)(inputs)
    x = keras.layers.BatchNormalization(momentum=0.9)(x, training=True)
    x = keras.layers.ReLU()(x)
    return keras.Model(inputs, keras.layers.Dense(2)(x))


def predict(model, points):
    return model.predict(points, verbose=0)


def main(target):
    points, labels = load()
    model = build()
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(points, labels, batch_size=32, epochs=8, verbose=0)
    model.save(target)
    return model


if __name__ == "__main__":
    main(sys.argv[1])
