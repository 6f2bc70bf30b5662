"""Without updates in either branch it does not matter where they were built: they hang on the train step."""
import tensorflow as tf
from tensorflow.contrib.layers import batch_norm

from data import pairs, held_out


def norm(x, phase, scope):
    return tf.cond(
        phase,
        lambda: batch_norm(x, is_training=True, updates_collections=None, center=False, decay=0.9, scope=scope),
        lambda: batch_norm(
            x, is_training=False, updates_collections=None, center=False, decay=0.9, scope=scope, reuse=True
        ),
    )


x = tf.placeholder(tf.float32, [None, 28, 28, 1])
y = tf.placeholder(tf.int32, [None])
phase = tf.placeholder(tf.bool)
net = tf.layers.conv2d(x, 16, 3, activation=None, use_bias=False)
net = tf.nn.relu(norm(net, phase, "norm1"))
logits = tf.layers.dense(tf.layers.flatten(net), 10)
loss = tf.losses.sparse_softmax_cross_entropy(y, logits)
step = tf.train.AdamOptimizer().minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for a, b in pairs(64):
        sess.run(step, {x: a, y: b, phase: True})
    a, b = held_out()
    print(sess.run(loss, {x: a, y: b, phase: False}))
