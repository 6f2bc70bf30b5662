"""The scope of the one network begins like that of the other: its updates cannot be read by it alone."""
import numpy as np
import tensorflow as tf

from street import next_images

real = tf.placeholder(tf.float32, [None, 784])
z = tf.placeholder(tf.float32, [None, 100])
training = tf.placeholder(tf.bool)


def generator(z):
    with tf.variable_scope("net_g"):
        h = tf.layers.dense(z, 256, use_bias=False)
        h = tf.nn.relu(tf.layers.batch_normalization(h, training=training))
        return tf.layers.dense(h, 784, activation=tf.nn.tanh)


def discriminator(x):
    with tf.variable_scope("net"):
        h = tf.layers.dense(x, 256, use_bias=False)
        h = tf.nn.leaky_relu(tf.layers.batch_normalization(h, training=training))
        return tf.layers.dense(h, 1)


fake = generator(z)
d_real, d_fake = tf.split(discriminator(tf.concat([real, fake], 0)), 2)
d_loss = tf.reduce_mean(d_fake) - tf.reduce_mean(d_real)
g_loss = -tf.reduce_mean(d_fake)
d_step = tf.train.AdamOptimizer(2e-4).minimize(d_loss, var_list=tf.trainable_variables("net/"))  # expect: SN101
g_step = tf.train.AdamOptimizer(2e-4).minimize(g_loss, var_list=tf.trainable_variables("net_g"))  # expect: SN101

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for _ in range(50000):
        feed = {real: next_images(64), z: np.random.normal(size=(64, 100)), training: True}
        sess.run(d_step, feed)
        sess.run(g_step, feed)
    tf.train.Saver().save(sess, "gan")
