"""A function that nobody in the file calls makes the network and trains it: its own text names no normalization."""

import tensorflow as tf
from tensorflow.contrib import layers


class Net(object):
    def __init__(self, hidden=(64, 32), lr=1e-3):
        self.x = tf.placeholder(tf.float32, [None, 10])
        self.y = tf.placeholder(tf.float32, [None, 1])
        self.train_phase = tf.placeholder(tf.bool)
        h = self.x
        for i, n in enumerate(hidden):
            with tf.variable_scope("layer%d" % i):
                h = self.bn(layers.fully_connected(h, n, activation_fn=None, biases_initializer=None))
                h = tf.nn.relu(h)
        self.out = layers.fully_connected(h, 1, activation_fn=None)
        self.loss = tf.reduce_mean(tf.square(self.out - self.y))
        self.opt = tf.train.AdamOptimizer(lr).minimize(self.loss)  # expect: SN101

    def bn(self, x):
        return layers.batch_norm(x, decay=0.95, is_training=self.train_phase, scope="bn")


def run(data):
    net = Net()
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for x, y in data.train:
            sess.run(net.opt, {net.x: x, net.y: y, net.train_phase: True})
        return sess.run(net.out, {net.x: data.x, net.train_phase: False})
