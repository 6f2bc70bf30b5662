"""One position, so that each number of the bias is that of a channel."""
import tensorflow as tf

from faces import batches


def generator(z, training):
    with tf.variable_scope("generator"):
        net = tf.layers.dense(z, 256)  # expect: SN501
        net = tf.reshape(net, [-1, 1, 1, 256])
        net = tf.nn.relu(tf.layers.batch_normalization(net, training=training))
        net = tf.layers.conv2d_transpose(net, 128, 4, use_bias=False)
        net = tf.nn.relu(tf.layers.batch_normalization(net, training=training))
        return tf.layers.conv2d_transpose(net, 3, 5, 4, padding="same")


z = tf.placeholder(tf.float32, [None, 100])
image = tf.placeholder(tf.float32, [None, 16, 16, 3])
training = tf.placeholder(tf.bool)
loss = tf.reduce_mean(tf.abs(image - generator(z, training)))
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer().minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for codes, images in batches(64):
        sess.run(step, {z: codes, image: images, training: True})
