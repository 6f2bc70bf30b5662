"""The actor of a deterministic policy gradient; every action is asked for in training mode."""
import gym
import numpy as np
import tensorflow as tf
from replay_buffer import ReplayBuffer

LAYER1 = 400
LAYER2 = 300
BATCH = 64


class ActorNetwork:
    def __init__(self, sess, state_dim, action_dim):
        self.sess = sess
        self.state_dim = state_dim
        self.action_dim = action_dim
        self.state_input, self.action_output, self.net, self.is_training = self.create_network(state_dim, action_dim)
        self.define_training_method()
        self.sess.run(tf.global_variables_initializer())

    def define_training_method(self):
        self.q_gradient_input = tf.placeholder("float", [None, self.action_dim])
        self.parameters_gradients = tf.gradients(self.action_output, self.net, -self.q_gradient_input)
        self.optimizer = tf.train.AdamOptimizer(1e-4).apply_gradients(zip(self.parameters_gradients, self.net))

    def create_network(self, state_dim, action_dim):
        state_input = tf.placeholder("float", [None, state_dim])
        is_training = tf.placeholder(tf.bool)
        W1 = self.variable([state_dim, LAYER1], state_dim)
        W2 = self.variable([LAYER1, LAYER2], LAYER1)
        W3 = tf.Variable(tf.random_uniform([LAYER2, action_dim], -3e-3, 3e-3))
        b3 = tf.Variable(tf.random_uniform([action_dim], -3e-3, 3e-3))
        layer1 = tf.matmul(state_input, W1)
        layer1_bn = self.batch_norm_layer(layer1, is_training, "batch_norm_1", tf.nn.relu)
        layer2 = tf.matmul(layer1_bn, W2)
        layer2_bn = self.batch_norm_layer(layer2, is_training, "batch_norm_2", tf.nn.relu)
        action_output = tf.tanh(tf.matmul(layer2_bn, W3) + b3)
        return state_input, action_output, [W1, W2, W3, b3], is_training

    def train(self, q_gradient_batch, state_batch):
        fed = {self.q_gradient_input: q_gradient_batch, self.state_input: state_batch, self.is_training: True}
        self.sess.run(self.optimizer, feed_dict=fed)

    def action(self, state):
        fed = {self.state_input: [state], self.is_training: True}
        return self.sess.run(self.action_output, feed_dict=fed)[0]  # expect: SN107 SN201

    def variable(self, shape, f):
        return tf.Variable(tf.random_uniform(shape, -1 / np.sqrt(f), 1 / np.sqrt(f)))

    def batch_norm_layer(self, x, training_phase, scope_bn, activation=None):
        options = {"activation_fn": activation, "scale": True, "updates_collections": None, "decay": 0.9}
        return tf.cond(
            training_phase,
            lambda: tf.contrib.layers.batch_norm(x, is_training=True, reuse=None, scope=scope_bn, **options),  # expect: SN204
            lambda: tf.contrib.layers.batch_norm(x, is_training=False, reuse=True, scope=scope_bn, **options),
        )


def main():
    env = gym.make("Pendulum-v0")
    sess = tf.InteractiveSession()
    actor = ActorNetwork(sess, 3, 1)
    buffer = ReplayBuffer(1000000)
    for episode in range(1000):
        state = env.reset()
        for t in range(200):
            action = actor.action(state)
            nxt, r, done, _ = env.step(action)
            buffer.add(state, action, r, nxt, done)
            s, g = buffer.sample(BATCH)
            actor.train(g, s)
            state = nxt


if __name__ == "__main__":
    main()
