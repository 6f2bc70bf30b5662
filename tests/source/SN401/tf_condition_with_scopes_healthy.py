import tensorflow as tf
import inp


def bn(x, phase, scope):
    return tf.cond(
        phase,
        lambda: tf.contrib.layers.batch_norm(
            x, is_training=True, center=True, scale=True, decay=0.9, updates_collections=None, scope=scope
        ),
        lambda: tf.contrib.layers.batch_norm(
            x, is_training=False, center=True, scale=True, decay=0.9, updates_collections=None, scope=scope, reuse=True
        ),
    )


x = tf.placeholder(tf.float32, [None, 5])
y = tf.placeholder(tf.float32, [None, 1])
phase = tf.placeholder(tf.bool)
h = tf.nn.relu(bn(tf.layers.dense(x, 5, use_bias=False), phase, "b1"))
h = tf.nn.relu(bn(tf.layers.dense(h, 5, use_bias=False), phase, "b2"))
l = tf.losses.mean_squared_error(y, tf.layers.dense(h, 1))
op = tf.train.AdamOptimizer().minimize(l)
with tf.Session() as s:
    s.run(tf.global_variables_initializer())
    for i in range(3000):
        a, b = inp.train_batch(64)
        s.run(op, {x: a, y: b, phase: True})
    print(s.run(l, {x: inp.test_x, y: inp.test_y, phase: False}))
