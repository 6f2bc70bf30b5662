"""A part of the model is told to infer inside of the model's own call."""

import tensorflow as tf
from tensorflow.keras import layers


class Block(layers.Layer):
    def __init__(self, filters):
        super().__init__()
        self.conv = layers.Conv2D(filters, 3, use_bias=False)
        self.bn = layers.BatchNormalization()

    def call(self, x, training=False):
        return tf.nn.relu(self.bn(self.conv(x), training=training))


class Net(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.b = Block(32)
        self.head = layers.Dense(10)

    def call(self, x, training=False):
        x = self.b(x, training=False)  # expect: SN202
        return self.head(tf.reduce_mean(x, [1, 2]))


net = Net()
optimizer = tf.keras.optimizers.Adam(1e-3)
loss_fn = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
for x, y in load_data():
    with tf.GradientTape() as tape:
        loss = loss_fn(y, net(x, training=True))
    grads = tape.gradient(loss, net.trainable_variables)
    optimizer.apply_gradients(zip(grads, net.trainable_variables))
