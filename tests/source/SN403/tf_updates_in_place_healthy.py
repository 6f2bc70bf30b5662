"""A GAN whose layers update their statistics where they are used; the critic has none of them."""
import numpy as np
import tensorflow as tf
from tensorflow.contrib import slim

from street import next_images

real = tf.placeholder(tf.float32, [None, 784])
z = tf.placeholder(tf.float32, [None, 100])
training = tf.placeholder(tf.bool)


def norm(x):
    return slim.batch_norm(x, is_training=training, updates_collections=None, scope="norm")


def generator(z):
    with tf.variable_scope("generator"):
        h = tf.nn.relu(norm(tf.layers.dense(z, 256, use_bias=False)))
        return tf.layers.dense(h, 784, activation=tf.nn.tanh)


def critic(x, reuse=False):
    with tf.variable_scope("critic", reuse=reuse):
        h = tf.nn.leaky_relu(tf.layers.dense(x, 256, name="first"))
        return tf.layers.dense(h, 1, name="last")


fake = generator(z)
on_real = critic(real)
on_fake = critic(fake, reuse=True)
c_loss = tf.reduce_mean(on_fake) - tf.reduce_mean(on_real)
g_loss = -tf.reduce_mean(on_fake)
c_step = tf.train.AdamOptimizer(2e-4).minimize(c_loss, var_list=tf.trainable_variables("critic"))
g_step = tf.train.AdamOptimizer(2e-4).minimize(g_loss, var_list=tf.trainable_variables("generator"))

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for _ in range(50000):
        feed = {real: next_images(64), z: np.random.normal(size=(64, 100)), training: True}
        sess.run(c_step, feed)
        sess.run(g_step, feed)
    tf.train.Saver().save(sess, "gan")
