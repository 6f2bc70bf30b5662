import tensorflow as tf
import numpy as np
from collections import deque


class Actor(object):
    def __init__(self, sess, s_dim, a_dim, tau, is_training):
        self.sess = sess
        self.tau = tau
        self.training = is_training
        self.inputs, self.out = self.create("actor")
        self.network_params = tf.trainable_variables()
        self.target_inputs, self.target_out = self.create("actor_target")
        self.target_network_params = tf.trainable_variables()[len(self.network_params) :]
        self.update_target = [
            self.target_network_params[i].assign(
                tf.multiply(self.network_params[i], self.tau)
                + tf.multiply(self.target_network_params[i], 1.0 - self.tau)
            )
            for i in range(len(self.target_network_params))
        ]
        self.action_gradient = tf.placeholder(tf.float32, [None, a_dim])
        self.actor_gradients = tf.gradients(self.out, self.network_params, -self.action_gradient)
        update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        with tf.control_dependencies(update_ops):
            self.optimize = tf.train.AdamOptimizer(1e-4).apply_gradients(
                zip(self.actor_gradients, self.network_params)
            )

    def create(self, scope):
        with tf.variable_scope(scope):
            s = tf.placeholder(tf.float32, [None, 3])
            h = tf.layers.dense(s, 400, use_bias=False)
            h = tf.layers.batch_normalization(h, training=self.training)
            h = tf.nn.relu(h)
            return s, tf.layers.dense(h, 1, activation=tf.nn.tanh)

    def train(self, inputs, g):
        self.sess.run(self.optimize, {self.inputs: inputs, self.action_gradient: g, self.training: True})

    def predict(self, inputs):
        return self.sess.run(self.out, {self.inputs: inputs, self.training: False})


with tf.Session() as sess:
    phase = tf.placeholder(tf.bool)
    actor = Actor(sess, 3, 1, 0.001, phase)
    sess.run(tf.global_variables_initializer())
    mem = deque()
    for ep in range(1000):
        for j in range(1000):
            a = actor.predict(np.zeros((1, 3)))
            actor.train(np.random.rand(64, 3), np.random.rand(64, 1))
            sess.run(actor.update_target)
