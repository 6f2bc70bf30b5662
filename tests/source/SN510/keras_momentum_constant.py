"""A port of a PyTorch network."""

import keras

BN_MOMENTUM = 0.01


class Bottleneck(keras.layers.Layer):
    def __init__(self, width, **kwargs):
        super().__init__(**kwargs)
        self.reduce = keras.layers.Conv2D(width // 4, 1, use_bias=False)
        self.norm = keras.layers.BatchNormalization(momentum=BN_MOMENTUM, epsilon=1e-5)  # expect: SN510 likely
        self.expand = keras.layers.Conv2D(width, 1)

    def call(self, x, training=None):
        h = keras.ops.relu(self.norm(self.reduce(x), training=training))
        return x + self.expand(h)


inputs = keras.Input((None, None, 64))
body = keras.Model(inputs, Bottleneck(64)(inputs))
