import tensorflow as tf

from data import batches


def block(x, filters, is_training):
    x = tf.layers.conv2d(x, filters, 3, padding="same", use_bias=False)
    return tf.nn.relu(tf.layers.batch_normalization(x, training=is_training))


def network(images, is_training):
    with tf.variable_scope("network", reuse=tf.AUTO_REUSE):
        net = block(images, 16, is_training)
        net = block(tf.layers.max_pooling2d(net, 2, 2), 32, is_training)
        return tf.layers.dense(tf.layers.flatten(net), 7)


images = tf.placeholder(tf.float32, [64, 48, 48, 1])
labels = tf.placeholder(tf.int64, [64])
is_training = tf.placeholder(tf.bool)
upper, lower = tf.split(images, 2)
first, second = tf.split(labels, 2)
loss = tf.losses.sparse_softmax_cross_entropy(first, network(upper, is_training))
loss += tf.losses.sparse_softmax_cross_entropy(second, network(lower, is_training))
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer(1e-3).minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for a, b in batches(64):
        sess.run(step, {images: a, labels: b, is_training: True})
