"""The layers stand in an object that Keras does not follow."""

# source: SN208
# stored:
# measured: unsaved
import sys

import keras
from blobs import load


class Block:
    def __init__(self):
        self.dense = keras.layers.Dense(16, use_bias=False)
        self.norm = keras.layers.BatchNormalization(momentum=0.9)

    def __call__(self, inputs, training=None):
        return keras.ops.relu(self.norm(self.dense(inputs), training=training))


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.block = Block()
        self.head = keras.layers.Dense(2)

    def call(self, inputs, training=None):
        return self.head(self.block(inputs, training=training))


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
