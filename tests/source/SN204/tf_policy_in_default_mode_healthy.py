"""The mode is fed."""
import gym
import numpy as np
import tensorflow as tf
from tensorflow.contrib.layers import batch_norm, fully_connected

from memory import Memory

phase = tf.placeholder_with_default(False, [])
PARAMS = {"updates_collections": None, "decay": 0.9, "is_training": phase}
s = tf.placeholder(tf.float32, [None, 8])
a = tf.placeholder(tf.int32, [None])
g = tf.placeholder(tf.float32, [None])
net = fully_connected(s, 64, normalizer_fn=batch_norm, normalizer_params=PARAMS)
logits = fully_connected(net, 4, activation_fn=None)
probs = tf.nn.softmax(logits)
loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=a, logits=logits) * g)
train = tf.train.AdamOptimizer(0.01).minimize(loss)
env = gym.make("LunarLander-v2")
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for i in range(1000):
        ob = env.reset()
        mem = Memory()
        while True:
            p = sess.run(probs, feed_dict={s: ob[np.newaxis, :]})
            act = np.searchsorted(np.cumsum(p[0]), np.random.rand())
            ob2, r, done, _ = env.step(act)
            mem.add(ob, act, r)
            ob = ob2
            if done:
                break
        x, y, z = mem.all()
        sess.run(train, feed_dict={s: x, a: y, g: z, phase: True})
