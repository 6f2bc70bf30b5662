"""Predictions are asked for in training mode."""

# source: SN201
# stored:
# measured: by-batch moves
import sys

import keras
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


def predict(model, points):
    return model(points, training=True).numpy()


def main(target):
    points, labels = load()
    model = build()
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(points, labels, batch_size=32, epochs=8, verbose=0)
    held_out, truth = load(64, seed=1)
    print((predict(model, held_out).argmax(1) == truth).mean())
    model.save(target)
    return model


if __name__ == "__main__":
    main(sys.argv[1])
