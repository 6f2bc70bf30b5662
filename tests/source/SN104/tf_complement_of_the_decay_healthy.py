"""Written by hand with 1 − decay, and a decay that the step counts make short at first."""
import tensorflow as tf

from data import batches, test_batch


def batch_norm(x, phase, momentum=0.01):
    shape = [x.get_shape()[-1]]
    mean = tf.get_variable("mean", shape, initializer=tf.zeros_initializer(), trainable=False)
    var = tf.get_variable("var", shape, initializer=tf.ones_initializer(), trainable=False)
    beta = tf.get_variable("beta", shape, initializer=tf.zeros_initializer())

    def training():
        m, v = tf.nn.moments(x, [0])
        update_mean = tf.assign_sub(mean, (mean - m) * momentum)
        update_var = tf.assign_sub(var, (var - v) * momentum)
        with tf.control_dependencies([update_mean, update_var]):
            return tf.nn.batch_normalization(x, m, v, beta, None, 1e-3)

    return tf.cond(phase, training, lambda: tf.nn.batch_normalization(x, mean, var, beta, None, 1e-3))


x = tf.placeholder(tf.float32, [None, 32])
y = tf.placeholder(tf.int32, [None])
phase = tf.placeholder(tf.bool)
h = tf.nn.relu(batch_norm(tf.layers.dense(x, 64, use_bias=False), phase))
loss = tf.losses.sparse_softmax_cross_entropy(y, tf.layers.dense(h, 3))
step = tf.train.AdamOptimizer().minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for a, b in batches(64):
        sess.run(step, {x: a, y: b, phase: True})
    a, b = test_batch()
    print(sess.run(loss, {x: a, y: b, phase: False}))
