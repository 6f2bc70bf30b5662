import tensorflow as tf
import tensorflow.contrib.slim as slim


def logits_of(images, is_training):
    params = {"is_training": is_training, "decay": 0.997}
    with slim.arg_scope([slim.conv2d], normalizer_fn=slim.batch_norm, normalizer_params=params):
        net = slim.conv2d(images, 64, 3, stride=2)
        net = slim.conv2d(net, 128, 3, stride=2)
    return slim.fully_connected(tf.reduce_mean(net, [1, 2]), 10, activation_fn=None)
