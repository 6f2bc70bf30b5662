"""DDPG's actor, whose target network has what was built after the first."""

import tensorflow as tf


class Actor:
    def __init__(self, session, observations, actions, rate=1e-4, tau=0.001):
        self.session = session
        self.phase = tf.placeholder(tf.bool)
        self.inputs, self.actions = self.build(observations, actions, "actor")
        self.weights = tf.trainable_variables()
        self.target_inputs, self.target_actions = self.build(observations, actions, "target")
        self.target_weights = tf.trainable_variables()[len(self.weights) :]
        self.follow = [
            target.assign(tau * source + (1 - tau) * target)  # expect: SN305
            for source, target in zip(self.weights, self.target_weights)
        ]
        self.gradient = tf.placeholder(tf.float32, [None, actions])
        gradients = tf.gradients(self.actions, self.weights, -self.gradient)
        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS, "actor")):
            self.train_op = tf.train.AdamOptimizer(rate).apply_gradients(zip(gradients, self.weights))

    def build(self, observations, actions, name):
        with tf.variable_scope(name):
            inputs = tf.placeholder(tf.float32, [None, observations])
            hidden = tf.layers.dense(inputs, 400, use_bias=False)
            hidden = tf.nn.relu(tf.layers.batch_normalization(hidden, training=self.phase))
            hidden = tf.layers.dense(hidden, 300, use_bias=False)
            hidden = tf.nn.relu(tf.layers.batch_normalization(hidden, training=self.phase))
            return inputs, tf.layers.dense(hidden, actions, activation=tf.tanh)

    def train(self, states, gradient):
        self.session.run(self.train_op, {self.inputs: states, self.gradient: gradient, self.phase: True})

    def predict(self, states):
        return self.session.run(self.actions, {self.inputs: states, self.phase: False})

    def predict_target(self, states):
        return self.session.run(self.target_actions, {self.target_inputs: states, self.phase: False})

    def update_target(self):
        self.session.run(self.follow)
