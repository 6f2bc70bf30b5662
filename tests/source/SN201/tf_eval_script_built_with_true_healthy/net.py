import tensorflow as tf

slim = tf.contrib.slim


def alexnet(images, classes, is_training=True):
    with slim.arg_scope([slim.conv2d], normalizer_fn=slim.batch_norm, normalizer_params={"is_training": is_training}):
        net = slim.conv2d(images, 64, 11, stride=4, padding="VALID")
        net = slim.max_pool2d(net, 3, 2)
        net = slim.conv2d(net, 192, 5)
    net = slim.dropout(slim.flatten(net), 0.5, is_training=is_training)
    return slim.fully_connected(net, classes, activation_fn=None)
