import tensorflow as tf
from tensorflow.contrib.layers import batch_norm, conv2d_transpose


def generate(z, is_training):
    with tf.variable_scope("generator", reuse=tf.AUTO_REUSE):
        net = tf.layers.dense(z, 4 * 4 * 256, activation=tf.nn.relu)
        net = tf.reshape(net, [-1, 4, 4, 256])
        params = {"is_training": is_training, "updates_collections": None, "decay": 0.9}
        net = conv2d_transpose(net, 128, 5, 2, normalizer_fn=batch_norm, normalizer_params=params)
        net = conv2d_transpose(net, 64, 5, 2, normalizer_fn=batch_norm, normalizer_params=params)
        return tf.layers.conv2d_transpose(net, 3, 5, 2, padding="same", activation=tf.nn.tanh)
