"""Layers inside a call need no argument of their own: Keras hands the mode of the outermost call on."""

import keras
from keras import layers, ops


class Block(layers.Layer):
    def __init__(self, width):
        super().__init__()
        self.dense = layers.Dense(width, use_bias=False)
        self.norm = layers.BatchNormalization()

    def call(self, x):
        return ops.relu(self.norm(self.dense(x)))


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.first = Block(64)
        self.second = Block(32)
        self.out = layers.Dense(1)

    def call(self, x, training=False):
        return self.out(self.second(self.first(x)))


model = Net()
model.compile("adam", "mse")
(x, y), _ = keras.datasets.california_housing.load_data()
model.fit(x, y, batch_size=64, epochs=100)
model.save_weights("houses.weights.h5")
