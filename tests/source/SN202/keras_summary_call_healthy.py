"""A call outside of any training builds the variables, nothing more."""

import tensorflow as tf


class Net(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.conv = tf.keras.layers.Conv2D(8, 3, use_bias=False)
        self.norm = tf.keras.layers.BatchNormalization()
        self.pool = tf.keras.layers.GlobalAveragePooling2D()
        self.out = tf.keras.layers.Dense(2)

    def call(self, x, training=None):
        return self.out(self.pool(tf.nn.relu(self.norm(self.conv(x), training=training))))


net = Net()
net(tf.zeros((1, 32, 32, 3)))
net.summary()
net.compile("adam", tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
(x, y), _ = tf.keras.datasets.cifar10.load_data()
net.fit(x / 255.0, y, batch_size=100, epochs=10)
