"""A second model predicts, with the trained weights and statistics of its own."""

# source: SN206
# stored: SN103
# measured: off still
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
    return model.predict(points, verbose=0)


def main(target):
    points, labels = load()
    model = build()
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(points, labels, batch_size=32, epochs=8, verbose=0)
    served = build()
    for mine, trained in zip(served.trainable_variables, model.trainable_variables, strict=True):
        mine.assign(trained)
    print(predict(served, points[:4]))
    served.save(target)
    return served


if __name__ == "__main__":
    main(sys.argv[1])
