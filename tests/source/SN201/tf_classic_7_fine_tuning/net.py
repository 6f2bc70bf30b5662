import tensorflow as tf
from tensorflow.contrib import slim


def inception_arg_scope(is_training=True, decay=0.95):
    params = {"is_training": is_training, "decay": decay, "epsilon": 0.001}
    with slim.arg_scope([slim.conv2d], normalizer_fn=slim.batch_norm, normalizer_params=params) as scope:
        return scope


def inception(images, classes):
    net = slim.conv2d(images, 32, 3, stride=2, scope="Conv2d_1a_3x3")
    net = slim.conv2d(net, 64, 3, stride=2, scope="Conv2d_2b_3x3")
    net = tf.reduce_mean(net, [1, 2])
    return slim.fully_connected(net, classes, activation_fn=None, scope="Logits")
