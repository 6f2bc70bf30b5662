import tensorflow as tf
from tensorflow.contrib.layers import batch_norm, fully_connected

from data import batches

x = tf.placeholder(tf.float32, [None, 57])
y = tf.placeholder(tf.float32, [None, 1])
phase = tf.placeholder(tf.bool)
h = fully_connected(x, 32, activation_fn=None, biases_initializer=None)
h = batch_norm(h, is_training=phase, updates_collections=None, decay=0.9)  # expect: SN502 SN508
h = tf.nn.sigmoid(h)
out = fully_connected(h, 1, activation_fn=None)
loss = tf.losses.sigmoid_cross_entropy(y, out)
step = tf.train.AdamOptimizer().minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for a, b in batches(64):
        sess.run(step, {x: a, y: b, phase: True})
