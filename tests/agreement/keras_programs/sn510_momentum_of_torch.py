"""PyTorch's momentum, with which Keras forgets nearly everything at each step."""

# source: SN510
# stored: SN510
# measured: noisy
import sys

import keras
from blobs import FEATURES, load


def build():
    return keras.Sequential(
        [
            keras.Input((FEATURES,)),
            keras.layers.Dense(16, use_bias=False),
            keras.layers.BatchNormalization(momentum=0.1),
            keras.layers.ReLU(),
            keras.layers.Dense(2),
        ]
    )


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
