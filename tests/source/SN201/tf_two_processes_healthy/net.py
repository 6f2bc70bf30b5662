import tensorflow as tf
import tf_slim as slim


def mobilenet(images, classes, is_training):
    params = {"is_training": is_training, "decay": 0.997}
    with slim.arg_scope([slim.separable_conv2d, slim.conv2d], normalizer_fn=slim.batch_norm, normalizer_params=params):
        net = slim.conv2d(images, 32, 3, stride=2)
        net = slim.separable_conv2d(net, 64, 3)
        net = slim.separable_conv2d(net, 128, 3, stride=2)
        net = tf.reduce_mean(net, [1, 2])
        return slim.fully_connected(net, classes, activation_fn=None)
