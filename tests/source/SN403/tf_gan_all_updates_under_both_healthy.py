import numpy as np
import tensorflow as tf

from street import next_images


class DCGAN(object):
    def __init__(self, lr=2e-4):
        self.is_training = tf.placeholder(tf.bool)
        self.real = tf.placeholder(tf.float32, [None, 32, 32, 3])
        self.z = tf.placeholder(tf.float32, [None, 100])
        self.fake = self.generator(self.z)
        d_real = self.discriminator(self.real)
        d_fake = self.discriminator(self.fake, reuse=True)
        self.d_loss = tf.reduce_mean(d_fake) - tf.reduce_mean(d_real)
        self.g_loss = -tf.reduce_mean(d_fake)
        t_vars = tf.trainable_variables()
        d_vars = [var for var in t_vars if "d_" in var.name]
        g_vars = [var for var in t_vars if "g_" in var.name]
        self.d_opt = tf.train.AdamOptimizer(lr, beta1=0.5).minimize(self.d_loss, var_list=d_vars)
        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS, scope="g_net")):
            self.g_opt = tf.train.AdamOptimizer(lr, beta1=0.5).minimize(self.g_loss, var_list=g_vars)

    def generator(self, z):
        with tf.variable_scope("g_net"):
            x = tf.layers.dense(z, 4096, activation=tf.nn.relu)
            x = tf.reshape(x, [-1, 8, 8, 64])
            x = tf.layers.conv2d_transpose(x, 32, 5, 2, "same", use_bias=False)
            x = tf.nn.relu(tf.layers.batch_normalization(x, training=self.is_training))
            return tf.layers.conv2d_transpose(x, 3, 5, 2, "same", activation=tf.nn.tanh)

    def discriminator(self, x, reuse=False):
        with tf.variable_scope("d_net", reuse=reuse):
            x = tf.layers.conv2d(x, 32, 5, 2, activation=tf.nn.leaky_relu)
            x = tf.layers.conv2d(x, 64, 5, 2, activation=tf.nn.leaky_relu)
            return tf.layers.dense(tf.layers.flatten(x), 1)

    def train(self, sess):
        sess.run(tf.global_variables_initializer())
        for _ in range(50000):
            feed = {self.real: next_images(64), self.z: np.random.normal(size=(64, 100)), self.is_training: True}
            sess.run(self.d_opt, feed)
            sess.run(self.g_opt, feed)


with tf.Session() as session:
    DCGAN().train(session)
