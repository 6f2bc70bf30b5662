import tensorflow as tf
from tensorflow.contrib import slim

from data import queue


def encoder(images):
    params = {"is_training": True, "scale": True, "decay": 0.99}
    with slim.arg_scope([slim.conv2d], activation_fn=None, normalizer_fn=None, biases_initializer=None):
        net = slim.conv2d(images, 32, 3, stride=2)
        net = slim.batch_norm(net, activation_fn=tf.nn.elu, **params)
    return slim.fully_connected(slim.flatten(net), 10, activation_fn=None)


images, labels = queue(64)
loss = slim.losses.sparse_softmax_cross_entropy(encoder(images), labels)
step = slim.learning.create_train_op(loss, tf.train.AdamOptimizer(1e-3))
slim.learning.train(step, "logs", number_of_steps=100000)
