"""The generator is built a second time, to draw samples with, and left in the mode of training."""
import numpy as np
import tensorflow as tf

from faces import next_batch, save_images


class batch_norm(object):
    def __init__(self, epsilon=1e-5, momentum=0.9, name="batch_norm"):
        self.epsilon, self.momentum, self.name = epsilon, momentum, name

    def __call__(self, x, train=True):
        return tf.contrib.layers.batch_norm(
            x, decay=self.momentum, updates_collections=None, epsilon=self.epsilon, scale=True, is_training=train,
            scope=self.name
        )


class GAN(object):
    def __init__(self, sess, batch_size=64):
        self.sess, self.batch_size = sess, batch_size
        self.g_bn0 = batch_norm(name="g_bn0")
        self.images = tf.placeholder(tf.float32, [batch_size, 8, 8, 3])
        self.z = tf.placeholder(tf.float32, [batch_size, 100])
        self.fake = self.generator(self.z)
        self.sampler = self.sample(self.z)
        real, fake = self.discriminator(self.images), self.discriminator(self.fake, True)
        self.d_loss = tf.reduce_mean(fake - real)
        self.g_loss = -tf.reduce_mean(fake)

    def discriminator(self, x, reuse=False):
        with tf.variable_scope("discriminator", reuse=reuse):
            h = tf.layers.conv2d(x, 64, 5, 2, activation=tf.nn.leaky_relu, name="conv")
            return tf.layers.dense(tf.layers.flatten(h), 1, name="out")

    def generator(self, z):
        with tf.variable_scope("generator"):
            h = tf.reshape(tf.layers.dense(z, 4 * 4 * 128, name="in"), [-1, 4, 4, 128])
            h = tf.nn.relu(self.g_bn0(h))
            return tf.layers.conv2d_transpose(h, 3, 5, 2, padding="same", activation=tf.nn.tanh, name="out")

    def sample(self, z):
        with tf.variable_scope("generator", reuse=True):
            h = tf.reshape(tf.layers.dense(z, 4 * 4 * 128, name="in"), [-1, 4, 4, 128])
            h = tf.nn.relu(self.g_bn0(h))  # expect: SN201
            return tf.layers.conv2d_transpose(h, 3, 5, 2, padding="same", activation=tf.nn.tanh, name="out")

    def train(self):
        d_vars, g_vars = tf.trainable_variables("discriminator"), tf.trainable_variables("generator")
        d_optim = tf.train.AdamOptimizer(2e-4, beta1=0.5).minimize(self.d_loss, var_list=d_vars)
        g_optim = tf.train.AdamOptimizer(2e-4, beta1=0.5).minimize(self.g_loss, var_list=g_vars)
        self.sess.run(tf.global_variables_initializer())
        kept = np.random.uniform(-1, 1, (self.batch_size, 100))
        for i in range(10000):
            z = np.random.uniform(-1, 1, (self.batch_size, 100))
            self.sess.run(d_optim, {self.images: next_batch(self.batch_size), self.z: z})
            self.sess.run(g_optim, {self.z: z})
            if i % 100 == 1:
                save_images(self.sess.run(self.sampler, {self.z: kept}), i)


if __name__ == "__main__":
    with tf.Session() as sess:
        GAN(sess).train()
