"""A network and its train step for whoever imports them: the mode is handed over as `trainable=`."""
import tensorflow as tf


def double_conv(inputs, filters, is_training, name):
    with tf.variable_scope(name):
        net = inputs
        for index in range(2):
            net = tf.layers.conv2d(net, filters, 3, padding="same", use_bias=False)
            net = tf.layers.batch_normalization(net, trainable=is_training, name="bn%d" % index)  # expect: SN202
            net = tf.nn.relu(net)
    return net


def build_unet(images, masks, is_training, learning_rate=1e-4):
    down = double_conv(images, 32, is_training, "down")
    bottom = double_conv(tf.layers.max_pooling2d(down, 2, 2), 64, is_training, "bottom")
    up = tf.layers.conv2d_transpose(bottom, 32, 2, strides=2)
    logits = tf.layers.conv2d(tf.concat([down, up], 3), 1, 1)
    loss = tf.losses.sigmoid_cross_entropy(masks, logits)
    update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    with tf.control_dependencies(update_ops):
        train_op = tf.train.AdamOptimizer(learning_rate).minimize(loss)
    return train_op, loss
