import os

os.environ["KERAS_BACKEND"] = "jax"
import keras
from keras import layers


class ConvNorm(layers.Layer):
    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.conv = layers.Conv2D(filters, 3, use_bias=False)
        self.norm = layers.BatchNormalization()

    def call(self, x):
        return self.norm(self.conv(x))


image = keras.Input((32, 32, 3))
h = layers.ReLU()(ConvNorm(32)(image))
h = layers.GlobalAveragePooling2D()(h)
model = keras.Model(image, layers.Dense(10)(h))
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
(x, y), _ = keras.datasets.cifar10.load_data()
model.fit(x / 255.0, y, batch_size=64, epochs=30)
