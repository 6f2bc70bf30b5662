import tensorflow as tf

from data import batches


def block(x, filters, phase, keep_prob):
    x = tf.nn.relu(tf.layers.conv2d(x, filters, 3, padding="same"))
    x = tf.contrib.layers.batch_norm(x, scale=True, is_training=phase, updates_collections=None, decay=0.9)
    return tf.nn.dropout(x, keep_prob)


x = tf.placeholder(tf.float32, [None, 32, 32, 3])
y = tf.placeholder(tf.int64, [None])
phase = tf.placeholder(tf.bool)
keep_prob = tf.placeholder(tf.float32)
net = block(x, 32, phase, keep_prob)
logits = tf.layers.dense(tf.layers.flatten(net), 10)
loss = tf.losses.sparse_softmax_cross_entropy(y, logits)
step = tf.train.AdamOptimizer().minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for a, b in batches(64):
        sess.run(step, {x: a, y: b, phase: True, keep_prob: 0.5})
