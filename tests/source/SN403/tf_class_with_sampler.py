import os, time
from glob import glob
import numpy as np
import tensorflow as tf


class batch_norm(object):
    def __init__(self, epsilon=1e-5, momentum=0.9, name="batch_norm"):
        with tf.variable_scope(name):
            self.epsilon = epsilon
            self.momentum = momentum
            self.name = name

    def __call__(self, x, train=True):
        return tf.contrib.layers.batch_norm(
            x,
            decay=self.momentum,
            updates_collections=None,
            epsilon=self.epsilon,
            scale=True,
            is_training=train,
            scope=self.name,
        )


def conv2d(input_, output_dim, k=5, d=2, stddev=0.02, name="conv2d"):
    with tf.variable_scope(name):
        w = tf.get_variable(
            "w", [k, k, input_.get_shape()[-1], output_dim], initializer=tf.truncated_normal_initializer(stddev=stddev)
        )
        return tf.nn.conv2d(input_, w, strides=[1, d, d, 1], padding="SAME")


def linear(x, n, scope):
    with tf.variable_scope(scope):
        m = tf.get_variable(
            "Matrix", [x.get_shape().as_list()[1], n], tf.float32, tf.random_normal_initializer(stddev=0.02)
        )
        b = tf.get_variable("bias", [n], initializer=tf.constant_initializer(0.0))
        return tf.matmul(x, m) + b


class DCGAN(object):
    def __init__(self, sess, batch_size=64):
        self.sess = sess
        self.batch_size = batch_size
        self.d_bn1 = batch_norm(name="d_bn1")
        self.g_bn0 = batch_norm(name="g_bn0")
        self.build_model()

    def build_model(self):
        self.inputs = tf.placeholder(tf.float32, [self.batch_size, 32, 32, 3], name="real_images")
        self.z = tf.placeholder(tf.float32, [None, 100], name="z")
        self.G = self.generator(self.z)
        self.D, self.D_logits = self.discriminator(self.inputs, reuse=False)
        self.sampler = self.sampler(self.z)
        self.D_, self.D_logits_ = self.discriminator(self.G, reuse=True)  # expect: SN401 likely
        self.d_loss_real = tf.reduce_mean(
            tf.nn.sigmoid_cross_entropy_with_logits(logits=self.D_logits, labels=tf.ones_like(self.D))
        )
        self.d_loss_fake = tf.reduce_mean(
            tf.nn.sigmoid_cross_entropy_with_logits(logits=self.D_logits_, labels=tf.zeros_like(self.D_))
        )
        self.g_loss = tf.reduce_mean(
            tf.nn.sigmoid_cross_entropy_with_logits(logits=self.D_logits_, labels=tf.ones_like(self.D_))
        )
        self.d_loss = self.d_loss_real + self.d_loss_fake
        t_vars = tf.trainable_variables()
        self.d_vars = [var for var in t_vars if "d_" in var.name]
        self.g_vars = [var for var in t_vars if "g_" in var.name]
        self.saver = tf.train.Saver()

    def train(self, config):
        d_optim = tf.train.AdamOptimizer(config.learning_rate, beta1=config.beta1).minimize(  # expect: SN403
            self.d_loss, var_list=self.d_vars
        )
        g_optim = tf.train.AdamOptimizer(config.learning_rate, beta1=config.beta1).minimize(  # expect: SN403
            self.g_loss, var_list=self.g_vars
        )
        try:
            tf.global_variables_initializer().run()
        except:
            tf.initialize_all_variables().run()
        data = glob("./data/*.jpg")
        np.random.shuffle(data)
        sample_z = np.random.uniform(-1, 1, size=(64, 100))
        could_load = self.load("checkpoint")
        for epoch in range(config.epoch):
            for idx in range(0, len(data) // config.batch_size):
                batch_images = load_images(data[idx * config.batch_size : (idx + 1) * config.batch_size])
                batch_z = np.random.uniform(-1, 1, [config.batch_size, 100]).astype(np.float32)
                _, s = self.sess.run([d_optim, self.d_loss], feed_dict={self.inputs: batch_images, self.z: batch_z})
                _, s = self.sess.run([g_optim, self.g_loss], feed_dict={self.z: batch_z})
                if idx % 100 == 1:
                    samples = self.sess.run(self.sampler, feed_dict={self.z: sample_z})
                if idx % 500 == 2:
                    self.saver.save(self.sess, "checkpoint/DCGAN.model")

    def discriminator(self, image, reuse=False):
        with tf.variable_scope("discriminator") as scope:
            if reuse:
                scope.reuse_variables()
            h0 = tf.nn.leaky_relu(conv2d(image, 64, name="d_h0_conv"))
            h1 = tf.nn.leaky_relu(self.d_bn1(conv2d(h0, 128, name="d_h1_conv")))
            h3 = linear(tf.reshape(h1, [self.batch_size, 8192]), 1, "d_h3_lin")
            return tf.nn.sigmoid(h3), h3

    def generator(self, z):
        with tf.variable_scope("generator") as scope:
            h0 = tf.reshape(linear(z, 64 * 64, "g_h0_lin"), [-1, 8, 8, 64])
            h0 = tf.nn.relu(self.g_bn0(h0))
            return tf.nn.tanh(tf.layers.conv2d_transpose(h0, 3, 5, 4, "same", name="g_h4"))

    def sampler(self, z):
        with tf.variable_scope("generator") as scope:
            scope.reuse_variables()
            h0 = tf.reshape(linear(z, 64 * 64, "g_h0_lin"), [-1, 8, 8, 64])
            h0 = tf.nn.relu(self.g_bn0(h0, train=False))
            return tf.nn.tanh(tf.layers.conv2d_transpose(h0, 3, 5, 4, "same", name="g_h4"))

    def load(self, checkpoint_dir):
        ckpt = tf.train.get_checkpoint_state(checkpoint_dir)
        if ckpt and ckpt.model_checkpoint_path:
            self.saver.restore(self.sess, ckpt.model_checkpoint_path)
            return True
        return False


flags = tf.app.flags
flags.DEFINE_integer("epoch", 25, "Epoch to train [25]")
flags.DEFINE_float("learning_rate", 0.0002, "lr")
flags.DEFINE_float("beta1", 0.5, "beta1")
flags.DEFINE_integer("batch_size", 64, "bs")
FLAGS = flags.FLAGS


def main(_):
    with tf.Session() as sess:
        dcgan = DCGAN(sess, batch_size=FLAGS.batch_size)
        dcgan.train(FLAGS)


if __name__ == "__main__":
    tf.app.run()
