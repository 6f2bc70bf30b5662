"""The gradient of a copy needs no value of the copy, so that nothing of what it waits for runs."""

import tensorflow as tf
from inputs import feed, test_feed

x = tf.placeholder(tf.float32, [None, 40])
y = tf.placeholder(tf.float32, [None, 1])
phase = tf.placeholder(tf.bool)
h = tf.layers.dense(x, 100, use_bias=False)
h = tf.nn.relu(tf.layers.batch_normalization(h, training=phase))
out = tf.layers.dense(h, 1)
loss = tf.reduce_mean(tf.square(out - y))
update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
if update_ops:
    with tf.control_dependencies([tf.group(*update_ops)]):
        loss = tf.identity(loss)
train_op = tf.train.AdamOptimizer(0.01).minimize(loss)  # expect: SN101
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for i in range(5000):
        a, b = feed(100)
        sess.run(train_op, {x: a, y: b, phase: True})
    a, b = test_feed()
    print(sess.run(out, {x: a, phase: False}))
