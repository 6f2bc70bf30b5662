import numpy as np
import tensorflow as tf

from generator import generate
from images import batches


def critic(images):
    with tf.variable_scope("critic", reuse=tf.AUTO_REUSE):
        net = tf.layers.conv2d(images, 64, 5, 2, activation=tf.nn.leaky_relu)
        net = tf.layers.conv2d(net, 128, 5, 2, activation=tf.nn.leaky_relu)
        return tf.layers.dense(tf.layers.flatten(net), 1)


def main():
    real = tf.placeholder(tf.float32, [None, 32, 32, 3])
    z = tf.placeholder(tf.float32, [None, 100])
    fake = generate(z, True)
    c_loss = tf.reduce_mean(critic(fake)) - tf.reduce_mean(critic(real))
    g_loss = -tf.reduce_mean(critic(fake))
    c_vars = [v for v in tf.trainable_variables() if v.name.startswith("critic")]
    g_vars = [v for v in tf.trainable_variables() if v.name.startswith("generator")]
    c_step = tf.train.RMSPropOptimizer(5e-5).minimize(c_loss, var_list=c_vars)
    g_step = tf.train.RMSPropOptimizer(5e-5).minimize(g_loss, var_list=g_vars)
    saver = tf.train.Saver(tf.get_collection(tf.GraphKeys.GLOBAL_VARIABLES, scope="generator"))
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for images in batches(64):
            noise = np.random.normal(size=(64, 100))
            sess.run(c_step, {real: images, z: noise})
            sess.run(g_step, {z: noise})
        saver.save(sess, "checkpoints/generator")


if __name__ == "__main__":
    main()
