"""The list is taken when the optimizer is made, before any layer stands."""
import tensorflow as tf

import data


class Trainer(object):
    def __init__(self, learning_rate):
        self.global_step = tf.train.get_or_create_global_step()
        self.optimizer = tf.train.RMSPropOptimizer(learning_rate)

    def train_op(self, loss):
        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
            return self.optimizer.minimize(loss, global_step=self.global_step)


def network(images, training):
    with tf.variable_scope("net", reuse=tf.AUTO_REUSE):
        x = tf.layers.conv2d(images, 48, 5, strides=2, use_bias=False, name="conv")
        x = tf.nn.relu(tf.layers.batch_normalization(x, training=training, name="bn"))
        return tf.layers.dense(tf.reduce_mean(x, [1, 2]), 20, name="out")


def run():
    trainer = Trainer(1e-3)
    images, labels = data.training(64)
    loss = tf.losses.sparse_softmax_cross_entropy(labels, network(images, True))
    train_op = trainer.train_op(loss)
    test_images, test_labels = data.testing(64)
    hits = tf.nn.in_top_k(network(test_images, False), test_labels, 1)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for step in range(10000):
            sess.run(train_op)
            if step % 100 == 0:
                print(sess.run(hits).mean())


run()
