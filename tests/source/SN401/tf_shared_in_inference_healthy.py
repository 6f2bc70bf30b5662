"""The pre-trained features of two images, in inference mode: nothing moves."""
import tensorflow as tf

from pairs import batches


def features(x, reuse):
    with tf.variable_scope("vgg", reuse=reuse):
        net = tf.layers.conv2d(x, 64, 3, 2, use_bias=False, trainable=False)
        return tf.nn.relu(tf.layers.batch_normalization(net, training=False, trainable=False))


low = tf.placeholder(tf.float32, [None, 64, 64, 3])
high = tf.placeholder(tf.float32, [None, 64, 64, 3])
training = tf.placeholder(tf.bool)
net = tf.layers.conv2d(low, 64, 3, padding="same", use_bias=False)
net = tf.nn.relu(tf.layers.batch_normalization(net, training=training))
restored = tf.layers.conv2d(net, 3, 3, padding="same")
loss = tf.reduce_mean(tf.square(features(restored, False) - features(high, True)))
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer().minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for a, b in batches(16):
        sess.run(step, {low: a, high: b, training: True})
