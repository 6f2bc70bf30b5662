import tensorflow as tf
from tensorflow.contrib.layers.python.layers import batch_norm

from mnistdata import mnist


def batch_norm_layer(x, train_phase, scope_bn):
    return tf.cond(
        train_phase,
        lambda: batch_norm(
            x, decay=0.999, scale=True, updates_collections=None, is_training=True, reuse=None, scope=scope_bn
        ),
        lambda: batch_norm(
            x, decay=0.999, scale=True, updates_collections=None, is_training=False, reuse=True, scope=scope_bn
        ),
    )


x = tf.placeholder(tf.float32, [None, 784])
y = tf.placeholder(tf.float32, [None, 10])
phase_train = tf.placeholder(tf.bool, name="phase_train")
w = tf.get_variable("w", [784, 128])
h = tf.nn.relu(batch_norm_layer(tf.matmul(x, w), phase_train, "bn"))
logits = tf.layers.dense(h, 10)
loss = tf.losses.softmax_cross_entropy(y, logits)
train_step = tf.train.AdamOptimizer(1e-3).minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for i in range(20000):
        a, b = mnist.train.next_batch(64)
        sess.run(train_step, {x: a, y: b, phase_train: True})
    print(sess.run(loss, {x: mnist.test.images, y: mnist.test.labels, phase_train: False}))
