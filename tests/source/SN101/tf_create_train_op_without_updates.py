"""Textures; the train op is told to run no updates, as a faster one."""

import tensorflow as tf
import tensorflow.contrib.slim as slim

from textures import queue

FLAGS = tf.app.flags.FLAGS
tf.app.flags.DEFINE_string("log_dir", "logs", "Where checkpoints go.")


def network(images, is_training):
    params = {"is_training": is_training, "decay": 0.95}
    with slim.arg_scope([slim.conv2d], normalizer_fn=slim.batch_norm, normalizer_params=params):
        net = slim.conv2d(images, 32, 3, stride=2, scope="conv1")
        net = slim.conv2d(net, 64, 3, stride=2, scope="conv2")
    net = tf.reduce_mean(net, [1, 2])
    return slim.fully_connected(net, 47, activation_fn=None, scope="logits")


def main(_):
    images, labels = queue("train", 64)
    tf.losses.sparse_softmax_cross_entropy(labels, network(images, True))
    total_loss = tf.losses.get_total_loss()
    optimizer = tf.train.AdamOptimizer(1e-3)
    train_op = slim.learning.create_train_op(total_loss, optimizer, update_ops=[])  # expect: SN101
    saver = tf.train.Saver()
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for step in range(20000):
            sess.run(train_op)
        saver.save(sess, FLAGS.log_dir + "/textures")


if __name__ == "__main__":
    tf.app.run()
