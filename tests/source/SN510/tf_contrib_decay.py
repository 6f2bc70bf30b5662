import tensorflow as tf
from tensorflow.contrib.layers import batch_norm

from data import batches


def bn(x, phase):
    return batch_norm(x, decay=0.01, scale=True, is_training=phase, updates_collections=None)  # expect: SN510 likely


x = tf.placeholder(tf.float32, [None, 300])
y = tf.placeholder(tf.int32, [None])
phase = tf.placeholder(tf.bool)
h = tf.nn.relu(bn(tf.layers.dense(x, 128, use_bias=False), phase))
loss = tf.losses.sparse_softmax_cross_entropy(y, tf.layers.dense(h, 4))
step = tf.train.AdamOptimizer().minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for a, b in batches(64):
        sess.run(step, {x: a, y: b, phase: True})
