"""Moments that have nothing to do with a layer: inputs standardized, a style's statistics, a summary."""
import tensorflow as tf

from data import images_of, style_image


def adaptive_instance_norm(content, style, epsilon=1e-5):
    mean_c, var_c = tf.nn.moments(content, axes=[1, 2], keep_dims=True)
    mean_s, var_s = tf.nn.moments(style, axes=[1, 2], keep_dims=True)
    return (content - mean_c) / tf.sqrt(var_c + epsilon) * tf.sqrt(var_s + epsilon) + mean_s


def main():
    content = images_of("train", 16)
    weights = tf.layers.conv2d(content, 32, 3, padding="same", use_bias=False)
    weights = tf.nn.relu(tf.contrib.layers.instance_norm(weights))
    target = adaptive_instance_norm(weights, tf.layers.conv2d(style_image(), 32, 3, padding="same"))
    mean, variance = tf.nn.moments(weights, [0, 1, 2])
    tf.summary.histogram("activation/mean", mean)
    tf.summary.histogram("activation/deviation", tf.sqrt(variance))
    out = tf.layers.conv2d(target, 3, 3, padding="same")
    loss = tf.losses.mean_squared_error(content, out)
    step = tf.train.AdamOptimizer(1e-4).minimize(loss)
    with tf.train.MonitoredTrainingSession() as sess:
        while not sess.should_stop():
            sess.run(step)


main()
