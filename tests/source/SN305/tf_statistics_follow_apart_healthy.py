import numpy as np
import tensorflow as tf

from replay import Memory


def q_network(states, training, scope):
    with tf.variable_scope(scope):
        net = tf.layers.dense(states, 128, use_bias=False)
        net = tf.nn.relu(tf.layers.batch_normalization(net, training=training, momentum=0.9))
        return tf.layers.dense(net, 4)


memory = Memory(50000)
states = tf.placeholder(tf.float32, [None, 8])
wanted = tf.placeholder(tf.float32, [None, 4])
training = tf.placeholder_with_default(False, [])
q = q_network(states, training, "online")
target_q = q_network(states, False, "target")
loss = tf.losses.huber_loss(wanted, q)
online = tf.trainable_variables("online")
target = tf.trainable_variables("target")
sync = [tf.assign(t, 0.99 * t + 0.01 * o) for t, o in zip(target, online)]
online_statistics = [v for v in tf.global_variables("online") if "moving" in v.name]
target_statistics = [v for v in tf.global_variables("target") if "moving" in v.name]
sync += [tf.assign(t, o) for t, o in zip(target_statistics, online_statistics)]
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS, scope="online")):
    step = tf.train.AdamOptimizer(1e-4).minimize(loss, var_list=online)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for _ in range(100000):
        now, actions, rewards, following = memory.sample(64)
        future = sess.run(target_q, {states: following})
        returns = sess.run(q, {states: now})
        returns[np.arange(64), actions] = rewards + 0.99 * future.max(1)
        sess.run(step, {states: now, wanted: returns, training: True})
        sess.run(sync)
