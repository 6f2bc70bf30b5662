from tensorflow import keras
from tensorflow.keras import layers


class ConvNormAct(layers.Layer):
    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.conv = layers.Conv2D(filters, 3, padding="same", use_bias=False)
        self.norm = layers.BatchNormalization()

    def call(self, x, training=None):
        return keras.activations.relu(self.norm(self.conv(x), training=training))


class Tagger(keras.Model):
    def __init__(self, tags):
        super().__init__()
        self.blocks = [ConvNormAct(filters) for filters in (32, 64)]
        self.head = layers.Dense(tags, activation="sigmoid")

    def call(self, x, training=None):
        for block in self.blocks:
            x = block(x, training=training)
        return self.head(keras.backend.mean(x, axis=(1, 2)))
