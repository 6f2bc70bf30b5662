"""The layer is in inference mode whatever the model is told."""

# source: SN202
# stored: SN103
# measured: off still
import sys

import keras
from blobs import load


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = keras.layers.Dense(16, use_bias=False)
        self.norm = keras.layers.BatchNormalization(momentum=0.9)
        self.head = keras.layers.Dense(2)

    def call(self, inputs, training=None):
        return self.head(keras.ops.relu(self.norm(self.hidden(inputs), training=False)))


def build():
    return Net()


def predict(model, points):
    return model.predict(points, verbose=0)


def main(target):
    points, labels = load()
    model = build()
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(points, labels, batch_size=32, epochs=8, verbose=0)
    model.save_weights(target)
    return model


if __name__ == "__main__":
    main(sys.argv[1])
