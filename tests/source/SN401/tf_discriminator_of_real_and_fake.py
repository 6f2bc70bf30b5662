import numpy as np
import tensorflow as tf

from faces import next_images


def generator(z):
    with tf.variable_scope("generator"):
        net = tf.layers.dense(z, 8 * 8 * 128, activation=tf.nn.relu)
        net = tf.layers.conv2d_transpose(tf.reshape(net, [-1, 8, 8, 128]), 64, 5, 2, "same", activation=tf.nn.relu)
        return tf.layers.conv2d_transpose(net, 3, 5, 2, "same", activation=tf.nn.tanh)


def discriminator(images, reuse=False):
    with tf.variable_scope("discriminator", reuse=reuse):
        net = tf.layers.conv2d(images, 64, 5, 2, activation=tf.nn.leaky_relu)
        net = tf.layers.conv2d(net, 128, 5, 2, use_bias=False)
        net = tf.nn.leaky_relu(tf.layers.batch_normalization(net, training=True))
        return tf.layers.dense(tf.layers.flatten(net), 1)


images = tf.placeholder(tf.float32, [None, 32, 32, 3])
z = tf.placeholder(tf.float32, [None, 100])
fake = generator(z)
real_logits = discriminator(images)
fake_logits = discriminator(fake, reuse=True)  # expect: SN401 likely
d_loss = tf.losses.sigmoid_cross_entropy(tf.ones_like(real_logits), real_logits)
d_loss += tf.losses.sigmoid_cross_entropy(tf.zeros_like(fake_logits), fake_logits)
g_loss = tf.losses.sigmoid_cross_entropy(tf.ones_like(fake_logits), fake_logits)
d_vars = tf.trainable_variables("discriminator")
g_vars = tf.trainable_variables("generator")
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS, "discriminator")):
    d_step = tf.train.AdamOptimizer(2e-4, 0.5).minimize(d_loss, var_list=d_vars)
g_step = tf.train.AdamOptimizer(2e-4, 0.5).minimize(g_loss, var_list=g_vars)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for _ in range(100000):
        noise = np.random.uniform(-1, 1, [64, 100])
        sess.run(d_step, {images: next_images(64), z: noise})
        sess.run(g_step, {images: next_images(64), z: noise})
