"""The train steps of a GAN for whoever has the pictures; its critic sees real and made-up ones in two calls."""

import tensorflow as tf


def generator(z, is_training):
    with tf.variable_scope("generator"):
        net = tf.layers.dense(z, 8 * 8 * 64, use_bias=False)
        net = tf.nn.relu(tf.layers.batch_normalization(net, training=is_training))
        net = tf.layers.conv2d_transpose(tf.reshape(net, [-1, 8, 8, 64]), 32, 5, 2, "same", activation=tf.nn.relu)
        return tf.layers.conv2d_transpose(net, 3, 5, 2, "same", activation=tf.nn.tanh)


def critic(pictures, is_training, reuse=False):
    with tf.variable_scope("critic", reuse=reuse):
        net = tf.layers.conv2d(pictures, 32, 5, 2, activation=tf.nn.leaky_relu)
        net = tf.layers.conv2d(net, 64, 5, 2, use_bias=False)
        net = tf.nn.leaky_relu(tf.layers.batch_normalization(net, training=is_training))
        return tf.layers.dense(tf.layers.flatten(net), 1)


def build_train_ops(real, z, is_training, learning_rate):
    fake = generator(z, is_training)
    on_real = critic(real, is_training)
    on_fake = critic(fake, is_training, reuse=True)  # expect: SN401 likely
    critic_loss = tf.losses.sigmoid_cross_entropy(tf.ones_like(on_real), on_real)
    critic_loss += tf.losses.sigmoid_cross_entropy(tf.zeros_like(on_fake), on_fake)
    generator_loss = tf.losses.sigmoid_cross_entropy(tf.ones_like(on_fake), on_fake)
    steps = []
    for scope, loss in [("critic", critic_loss), ("generator", generator_loss)]:
        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS, scope)):
            optimizer = tf.train.AdamOptimizer(learning_rate, beta1=0.5)
            steps.append(optimizer.minimize(loss, var_list=tf.trainable_variables(scope)))
    return steps
