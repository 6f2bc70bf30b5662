"""Learning on samples of the memory, acting on one state."""
import random
from collections import deque

import gym
import numpy as np
import tensorflow as tf


class DQN:
    def __init__(self, n_state, n_action):
        self.s = tf.placeholder(tf.float32, [None, n_state])
        self.a = tf.placeholder(tf.int32, [None])
        self.target = tf.placeholder(tf.float32, [None])
        self.phase = tf.placeholder(tf.bool)
        h = tf.layers.dense(self.s, 64, use_bias=False)
        h = tf.layers.batch_normalization(h, training=self.phase)
        h = tf.nn.relu(h)
        self.q = tf.layers.dense(h, n_action)
        picked = tf.reduce_sum(self.q * tf.one_hot(self.a, n_action), 1)
        self.loss = tf.reduce_mean(tf.square(self.target - picked))
        update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        with tf.control_dependencies(update_ops):
            self.train_op = tf.train.AdamOptimizer(1e-3).minimize(self.loss)


env = gym.make("CartPole-v0")
net = DQN(4, 2)
memory = deque(maxlen=10000)
epsilon = 1.0
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for episode in range(500):
        state = env.reset()
        done = False
        while not done:
            if np.random.rand() < epsilon:
                action = env.action_space.sample()
            else:
                q = sess.run(net.q, feed_dict={net.s: [state], net.phase: False})
                action = np.argmax(q[0])
            next_state, reward, done, _ = env.step(action)
            memory.append((state, action, reward, next_state, done))
            state = next_state
            if len(memory) > 64:
                s, a, r, s2, d = map(np.array, zip(*random.sample(memory, 64)))
                q2 = sess.run(net.q, feed_dict={net.s: s2, net.phase: True})
                target = r + 0.99 * (1 - d) * q2.max(1)
                sess.run(net.train_op, feed_dict={net.s: s, net.a: a, net.target: target, net.phase: True})
        epsilon = max(0.01, epsilon * 0.99)

    for episode in range(10):
        state = env.reset()
        done = False
        while not done:
            q = sess.run(net.q, feed_dict={net.s: [state], net.phase: False})
            state, reward, done, _ = env.step(np.argmax(q[0]))
