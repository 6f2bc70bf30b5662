import tensorflow as tf
from tensorflow.contrib import slim

import digits


def network(images, training):
    h = slim.conv2d(images, 32, 3, activation_fn=None)
    h = slim.repeat(h, 2, slim.conv2d, 64, 3, biases_initializer=None)
    h = tf.nn.relu(slim.batch_norm(h, is_training=training))
    return slim.fully_connected(slim.flatten(h), 10, activation_fn=None)


images, labels = digits.batches(64)
loss = tf.losses.sparse_softmax_cross_entropy(labels, network(images, True))
train_op = slim.learning.create_train_op(loss, tf.train.AdamOptimizer(1e-3))
slim.learning.train(train_op, "log", number_of_steps=10000)
