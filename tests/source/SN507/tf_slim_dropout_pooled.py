import tensorflow as tf
from tensorflow.contrib import slim

from data import queue


def net(images, is_training):
    x = slim.conv2d(images, 64, 3, stride=2)
    x = slim.dropout(x, 0.8, is_training=is_training)
    x = slim.max_pool2d(x, 2)
    x = slim.batch_norm(x, scale=True, decay=0.95, is_training=is_training)  # expect: SN507
    return slim.fully_connected(slim.flatten(x), 10, activation_fn=None)


images, labels = queue(64)
loss = slim.losses.sparse_softmax_cross_entropy(net(images, True), labels)
step = slim.learning.create_train_op(loss, tf.train.AdamOptimizer(1e-3))
slim.learning.train(step, "logs", number_of_steps=100000)
