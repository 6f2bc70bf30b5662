import tensorflow as tf
from mylib import Trainer


class M:
    def __init__(self):
        self.x = tf.placeholder(tf.float32, [None, 3])
        self.y = tf.placeholder(tf.float32, [None, 1])
        self.t = tf.placeholder(tf.bool)
        h = tf.layers.batch_normalization(tf.layers.dense(self.x, 4, use_bias=False), training=self.t)
        self.loss = tf.losses.mean_squared_error(self.y, tf.layers.dense(tf.nn.relu(h), 1))
        self.train_op = tf.train.AdamOptimizer().minimize(self.loss)


m = M()
Trainer(m).fit()
