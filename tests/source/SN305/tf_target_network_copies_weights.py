import numpy as np
import tensorflow as tf

from replay import Memory


def q_network(states, training, scope):
    with tf.variable_scope(scope):
        net = tf.layers.dense(states, 128, use_bias=False)
        net = tf.nn.relu(tf.layers.batch_normalization(net, training=training, momentum=0.9))
        return tf.layers.dense(net, 4)


class DQN(object):
    def __init__(self):
        self.states = tf.placeholder(tf.float32, [None, 8])
        self.targets = tf.placeholder(tf.float32, [None, 4])
        self.training = tf.placeholder_with_default(False, [])
        self.q = q_network(self.states, self.training, "online")
        self.target_q = q_network(self.states, False, "target")
        loss = tf.losses.huber_loss(self.targets, self.q)
        online = tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope="online")
        target = tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope="target")
        self.sync = [t.assign(0.99 * t + 0.01 * o) for t, o in zip(target, online)]  # expect: SN305
        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS, scope="online")):
            self.step = tf.train.AdamOptimizer(1e-4).minimize(loss, var_list=online)


def train(memory):
    agent = DQN()
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for _ in range(100000):
            states, actions, rewards, following = memory.sample(64)
            future = sess.run(agent.target_q, {agent.states: following})
            wanted = sess.run(agent.q, {agent.states: states})
            wanted[np.arange(64), actions] = rewards + 0.99 * future.max(1)
            sess.run(agent.step, {agent.states: states, agent.targets: wanted, agent.training: True})
            sess.run(agent.sync)


train(Memory(50000))
