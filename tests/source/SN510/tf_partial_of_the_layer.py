import functools

import tensorflow as tf

from data import batches

x = tf.placeholder(tf.float32, [None, 20, 16])
y = tf.placeholder(tf.int32, [None])
training = tf.placeholder_with_default(False, [])
norm = functools.partial(tf.layers.batch_normalization, training=training, momentum=0.1, epsilon=1e-5)


def residual(x, filters):
    h = tf.nn.relu(norm(tf.layers.conv1d(x, filters, 3, padding="same", use_bias=False)))  # expect: SN510 likely
    return x + tf.layers.conv1d(h, filters, 3, padding="same")


net = residual(residual(x, 16), 16)
loss = tf.losses.sparse_softmax_cross_entropy(y, tf.layers.dense(tf.reduce_max(net, 1), 5))
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer().minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for a, b in batches(64):
        sess.run(step, {x: a, y: b, training: True})
