from dataclasses import dataclass

import tensorflow as tf


@dataclass
class Stage:
    dense: tf.keras.layers.Layer
    norm: tf.keras.layers.Layer


class MLP(tf.keras.Model):
    def __init__(self, width):
        super().__init__()
        dense = tf.keras.layers.Dense(width, use_bias=False)
        norm = tf.keras.layers.BatchNormalization()
        self.dense, self.norm = dense, norm
        self.stage = Stage(dense, norm)
        self.out = tf.keras.layers.Dense(1)

    def call(self, x, training=False):
        h = self.stage.norm(self.stage.dense(x), training=training)
        return self.out(tf.nn.relu(h))


model = MLP(128)
model.compile("adam", "mse")
model.fit(tf.data.experimental.load("houses").shuffle(5000).batch(64), epochs=100)
model.save_weights("houses.h5")
