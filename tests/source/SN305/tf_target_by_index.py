"""A critic, whose target network is moved weight by weight."""

import gym
import numpy as np
import tensorflow as tf

from memory import Memory


class Critic:
    def __init__(self, session, width, tau=0.005):
        self.session = session
        self.training = tf.placeholder(tf.bool)
        self.counter = tf.Variable(0, trainable=False)
        self.states, self.value = self.network(width, "critic")
        self.next_states, self.next_value = self.network(width, "critic_target")
        ours = tf.trainable_variables("critic/")
        theirs = tf.trainable_variables("critic_target/")
        self.move = [
            theirs[i].assign(tf.multiply(ours[i], tau) + tf.multiply(theirs[i], 1.0 - tau))  # expect: SN305
            for i in range(len(theirs))
        ]
        self.count = tf.assign(self.counter, self.counter + 1)
        self.returns = tf.placeholder(tf.float32, [None, 1])
        loss = tf.losses.mean_squared_error(self.returns, self.value)
        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS, "critic/")):
            self.step = tf.train.AdamOptimizer(1e-3).minimize(loss, var_list=ours)

    def network(self, width, name):
        with tf.variable_scope(name):
            states = tf.placeholder(tf.float32, [None, width])
            net = tf.layers.dense(states, 300, use_bias=False)
            net = tf.nn.relu(tf.layers.batch_normalization(net, training=self.training))
            return states, tf.layers.dense(net, 1)

    def learn(self, states, rewards, following):
        future = self.session.run(self.next_value, {self.next_states: following, self.training: False})
        returns = rewards + 0.99 * future
        self.session.run(self.step, {self.states: states, self.returns: returns, self.training: True})
        self.session.run([self.move, self.count])


env = gym.make("Pendulum-v0")
memory = Memory(100000)
with tf.Session() as session:
    critic = Critic(session, 3)
    session.run(tf.global_variables_initializer())
    state = env.reset()
    for _ in range(200000):
        following, reward, done, _ = env.step(np.random.uniform(-2, 2, 1))
        memory.add(state, reward, following)
        state = env.reset() if done else following
        if len(memory) > 128:
            critic.learn(*memory.sample(128))
