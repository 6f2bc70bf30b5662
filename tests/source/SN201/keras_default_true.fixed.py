import keras
import numpy as np


class Encoder(keras.Model):
    def __init__(self, width):
        super().__init__()
        self.proj = keras.layers.Dense(width, use_bias=False)
        self.norm = keras.layers.BatchNormalization()
        self.out = keras.layers.Dense(8)

    def call(self, inputs, training=True):
        h = self.norm(self.proj(inputs), training=training)
        return self.out(keras.ops.relu(h))


encoder = Encoder(128)
encoder.load_weights("encoder.weights.h5")


def embed(rows):
    return keras.ops.convert_to_numpy(encoder(rows, training=False))


rows = np.load("rows.npy")
np.save("embedded.npy", np.concatenate([embed(rows[i : i + 256]) for i in range(0, len(rows), 256)]))
