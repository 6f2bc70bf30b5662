import tensorflow as tf
from tensorflow.keras import layers


class Towers(tf.keras.Model):
    """The mean over three towers, in any order."""

    def __init__(self, width):
        super().__init__()
        self.project = layers.Dense(width, use_bias=False)
        self.norms = [layers.BatchNormalization() for _ in range(3)]
        self.out = layers.Dense(1)

    def call(self, x, training=None):
        h = self.project(x)
        towers = [tf.nn.relu(norm(h, training=training)) for norm in self.norms]
        return self.out(tf.add_n(towers) / 3.0)


model = Towers(32)
model.compile("adam", "mae")
model.fit(tf.data.experimental.load("sensors").shuffle(5000).batch(128), epochs=10)
model.save_weights("sensors.h5")
