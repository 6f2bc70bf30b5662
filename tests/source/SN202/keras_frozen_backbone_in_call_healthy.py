"""A part that keeps its own statistics on purpose: it is frozen, or a teacher without a gradient."""

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
        self.backbone = Block(32)
        self.backbone.trainable = False
        self.teacher = Block(32)
        self.ready = tf.keras.applications.ResNet50(include_top=False)
        self.block = Block(32)
        self.head = layers.Dense(10)

    def call(self, x, training=False):
        ready = self.ready(x, training=False)
        x = self.backbone(x, training=False)
        goal = tf.stop_gradient(self.teacher(x, training=False))
        x = self.block(x, training=training)
        return self.head(tf.reduce_mean(x, [1, 2])), goal, ready


net = Net()
optimizer = tf.keras.optimizers.Adam(1e-3)
for x, y in load_data():
    with tf.GradientTape() as tape:
        logits, goal, ready = net(x, training=True)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
    grads = tape.gradient(loss, net.trainable_variables)
    optimizer.apply_gradients(zip(grads, net.trainable_variables))
