import tensorflow as tf

from data import batches


def block(x, filters, is_training, name):
    with tf.variable_scope(name, reuse=tf.AUTO_REUSE):
        x = tf.layers.conv2d(x, filters, 3, padding="same", use_bias=False)
        return tf.nn.relu(tf.layers.batch_normalization(x, training=is_training))


def head(x, units, is_training, name):
    with tf.variable_scope(name) as scope:
        x = tf.layers.dense(x, units, use_bias=False)
        x = tf.contrib.layers.batch_norm(x, 0.95, is_training=is_training, reuse=tf.AUTO_REUSE, scope=scope)
        return tf.nn.relu(x)


images = tf.placeholder(tf.float32, [None, 48, 48, 1])
labels = tf.placeholder(tf.int64, [None])
is_training = tf.placeholder(tf.bool)
net = block(images, 16, is_training, "conv1")
net = tf.layers.max_pooling2d(net, 2, 2)
net = block(net, 32, is_training, "conv2")
net = head(tf.layers.flatten(net), 128, is_training, "fc1")
net = head(net, 64, is_training, "fc2")
loss = tf.losses.sparse_softmax_cross_entropy(labels, tf.layers.dense(net, 7))
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer(1e-3).minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for a, b in batches(64):
        sess.run(step, {images: a, labels: b, is_training: True})
