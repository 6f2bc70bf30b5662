"""Two train steps for whoever calls the builder, and all updates under both."""
import tensorflow as tf


def generator(noise, is_training):
    with tf.variable_scope("generator"):
        net = tf.layers.dense(noise, 7 * 7 * 64, use_bias=False)
        net = tf.nn.relu(tf.layers.batch_normalization(net, training=is_training))
        net = tf.layers.conv2d_transpose(tf.reshape(net, [-1, 7, 7, 64]), 32, 4, 2, "same", use_bias=False)
        net = tf.nn.relu(tf.layers.batch_normalization(net, training=is_training))
        return tf.layers.conv2d_transpose(net, 1, 4, 2, "same", activation=tf.nn.tanh)


def discriminator(images, is_training, reuse=None):
    with tf.variable_scope("discriminator", reuse=reuse):
        net = tf.layers.conv2d(images, 32, 4, 2, "same", activation=tf.nn.leaky_relu)
        net = tf.layers.conv2d(net, 64, 4, 2, "same", use_bias=False)
        net = tf.nn.leaky_relu(tf.layers.batch_normalization(net, training=is_training))
        return tf.layers.dense(tf.layers.flatten(net), 1)


def build_steps(images, noise, is_training, rate):
    fake = generator(noise, is_training)
    score_real = discriminator(images, is_training)
    score_fake = discriminator(fake, is_training, reuse=True)  # expect: SN401 likely
    loss_d = tf.reduce_mean(tf.nn.softplus(-score_real)) + tf.reduce_mean(tf.nn.softplus(score_fake))
    loss_g = tf.reduce_mean(tf.nn.softplus(-score_fake))
    variables = tf.trainable_variables()
    vars_d = [each for each in variables if each.name.startswith("discriminator")]
    vars_g = [each for each in variables if each.name.startswith("generator")]
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):  # expect: SN403
        step_d = tf.train.AdamOptimizer(rate, beta1=0.5).minimize(loss_d, var_list=vars_d)
        step_g = tf.train.AdamOptimizer(rate, beta1=0.5).minimize(loss_g, var_list=vars_g)
    return step_d, step_g
