"""Two towers for digits: both batches come from one data set, in one way."""

import numpy as np
import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data


def tower(images, training, reuse=None):
    with tf.variable_scope("tower", reuse=reuse):
        h = tf.layers.dense(images, 128, use_bias=False, name="hidden")
        h = tf.nn.relu(tf.layers.batch_normalization(h, training=training, name="norm"))
        return tf.layers.dense(h, 8, name="out")


mnist = input_data.read_data_sets("MNIST_data")
left = tf.placeholder(tf.float32, [None, 784])
right = tf.placeholder(tf.float32, [None, 784])
same = tf.placeholder(tf.float32, [None])
training = tf.placeholder(tf.bool)

one = tower(left, training)
other = tower(right, training, reuse=True)
distance = tf.reduce_sum(tf.square(one - other), 1)
loss = tf.reduce_mean(same * distance + (1 - same) * tf.maximum(0.0, 1.0 - distance))
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    train_op = tf.train.AdamOptimizer(1e-4).minimize(loss)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for _ in range(20000):
        x1, y1 = mnist.train.next_batch(128)
        x2, y2 = mnist.train.next_batch(128)
        sess.run(train_op, {left: x1, right: x2, same: np.equal(y1, y2), training: True})
    x1, y1 = mnist.test.next_batch(1000)
    x2, y2 = mnist.test.next_batch(1000)
    print(sess.run(loss, {left: x1, right: x2, same: np.equal(y1, y2), training: False}))
