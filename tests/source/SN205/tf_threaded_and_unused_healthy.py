"""The flag goes through three functions and none of them uses it."""
import tensorflow as tf
from tensorflow.contrib.framework import arg_scope
from tensorflow.contrib.layers import batch_norm, conv2d, flatten, fully_connected

from plates import training_batch, validation_batch


def conv_block(x, filters, is_training):
    with arg_scope([conv2d], biases_initializer=None, activation_fn=None):
        x = conv2d(x, filters, 3)
    x = batch_norm(x, decay=0.99, scale=True, is_training=is_training)
    return tf.nn.relu(x)


def backbone(x, is_training):
    for filters in [32, 64, 128]:
        x = conv_block(x, filters, is_training)
        x = tf.nn.max_pool(x, [1, 2, 2, 1], [1, 2, 2, 1], "SAME")
    return x


def model(images, is_training=True):
    return fully_connected(flatten(backbone(images, is_training)), 36, activation_fn=None)


def main():
    x = tf.placeholder(tf.float32, [None, 32, 96, 1])
    y = tf.placeholder(tf.int32, [None])
    training = tf.placeholder(tf.bool)
    logits = model(x, training)
    loss = tf.losses.sparse_softmax_cross_entropy(y, logits)
    train_op = tf.contrib.training.create_train_op(loss, tf.train.AdamOptimizer(1e-3))
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for i in range(10000):
            a, b = training_batch(64)
            sess.run(train_op, {x: a, y: b, training: True})
        a, b = validation_batch()
        print(sess.run(loss, {x: a, y: b, training: False}))


main()
