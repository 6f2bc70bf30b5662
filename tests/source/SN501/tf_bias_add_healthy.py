import tensorflow as tf

from signals import train_batches


def weight(shape):
    return tf.get_variable("weight", shape, initializer=tf.glorot_uniform_initializer())


def layer(x, out, phase, scope):
    with tf.variable_scope(scope):
        bias = tf.get_variable("bias", [out], initializer=tf.constant_initializer(0.1))
        x = tf.nn.relu(tf.matmul(x, weight([x.get_shape()[1], out])) + bias)
        return tf.contrib.layers.batch_norm(x, scale=True, is_training=phase, updates_collections=None, decay=0.9)


x = tf.placeholder(tf.float32, [None, 561])
y = tf.placeholder(tf.float32, [None, 6])
phase = tf.placeholder(tf.bool, name="phase")
h = layer(x, 100, phase, "layer1")
h = layer(h, 50, phase, "layer2")
logits = tf.layers.dense(h, 6)
cost = tf.losses.softmax_cross_entropy(y, logits)
optimizer = tf.train.AdamOptimizer(0.001).minimize(cost)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for a, b in train_batches(100):
        sess.run(optimizer, {x: a, y: b, phase: True})
