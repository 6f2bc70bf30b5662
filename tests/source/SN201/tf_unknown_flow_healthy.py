"""What chooses the mode cannot be told from the source."""
import importlib
import sys

import tensorflow as tf

config = importlib.import_module(sys.argv[1])


def norm(x, **options):
    return getattr(tf.layers, config.norm)(x, **options)


def network(x, options):
    x = tf.layers.conv2d(x, 32, 3, use_bias=False)
    x = tf.nn.relu(norm(x, **options))
    x = tf.layers.conv2d(x, 32, 3, use_bias=False)
    x = tf.nn.relu(tf.layers.batch_normalization(x, **options))
    return tf.layers.dense(tf.layers.flatten(x), config.classes)


images, labels = config.pipeline()
loss = config.loss(labels, network(images, config.options))
step = config.train_op(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for _ in range(config.steps):
        sess.run(step)
