import os

import tensorflow as tf

from songs import Loader


class Model(object):
    def __init__(self, args):
        self.args = args
        self.x = tf.placeholder(tf.float32, [None, 128, 96])
        self.y = tf.placeholder(tf.float32, [None, 50])
        self.is_training = tf.placeholder(tf.bool)
        net = tf.layers.conv1d(self.x, 128, 3, use_bias=False)
        net = tf.layers.batch_normalization(net, training=self.is_training, momentum=0.9)
        net = tf.reduce_max(tf.nn.relu(net), 1)
        logits = tf.layers.dense(net, 50)
        self.loss = tf.losses.sigmoid_cross_entropy(self.y, logits)
        update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        with tf.control_dependencies(update_ops):
            self.train_op = tf.train.AdamOptimizer(1e-3).minimize(self.loss)
        variables = tf.get_collection(tf.GraphKeys.GLOBAL_VARIABLES)
        self.saver = tf.train.Saver(var_list=variables, max_to_keep=5)  # expect: SN301

    def fit(self, sess, loader):
        sess.run(tf.global_variables_initializer())
        for epoch in range(self.args["epochs"]):
            for x, y in loader.batches(32):
                sess.run(self.train_op, {self.x: x, self.y: y, self.is_training: True})
            self.saver.save(sess, os.path.join(self.args["dir"], "model"), global_step=epoch)


if __name__ == "__main__":
    with tf.Session() as session:
        Model({"epochs": 100, "dir": "out"}).fit(session, Loader("tags"))
