"""The builder is used by others: who runs the step may fetch the updates."""
import tensorflow as tf


class Agent(object):
    def __init__(self, state_dim, action_dim, scope="actor"):
        self.state = tf.placeholder(tf.float32, [None, state_dim])
        self.target = tf.placeholder(tf.float32, [None, action_dim])
        self.train_phase = tf.placeholder(tf.bool)
        with tf.variable_scope(scope):
            h = tf.layers.dense(self.state, 64, use_bias=False)
            h = tf.nn.relu(tf.layers.batch_normalization(h, training=self.train_phase))
            self.action = tf.layers.dense(h, action_dim)
        loss = tf.losses.mean_squared_error(self.target, self.action)
        self.extra_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS, scope=scope)
        self.optimize = tf.train.AdamOptimizer(1e-4).minimize(loss)

    def train(self, sess, state, target):
        sess.run([self.optimize, self.extra_ops], {self.state: state, self.target: target, self.train_phase: True})

    def act(self, sess, state):
        return sess.run(self.action, {self.state: state, self.train_phase: False})
