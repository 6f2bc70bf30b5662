"""A library: whoever uses it says the mode, runs the updates and saves."""
import tensorflow as tf
from tensorflow.contrib import slim

_LAYERS = {"batch": slim.batch_norm, "layer": tf.contrib.layers.layer_norm}


def resnet_arg_scope(is_training=True, weight_decay=0.0001, batch_norm_decay=0.997):
    params = {
        "is_training": is_training,
        "decay": batch_norm_decay,
        "updates_collections": tf.GraphKeys.UPDATE_OPS,
    }
    with slim.arg_scope([slim.conv2d], weights_regularizer=slim.l2_regularizer(weight_decay)):
        with slim.arg_scope([slim.batch_norm], **params) as scope:
            return scope


def normalize(x, kind="batch", **kwargs):
    return _LAYERS[kind](x, **kwargs)


def block(x, filters, training):
    shortcut = x
    x = slim.conv2d(x, filters, 3, normalizer_fn=slim.batch_norm)
    x = tf.layers.conv2d(x, filters, 3, padding="same", use_bias=False)
    x = tf.layers.batch_normalization(x, training=training)
    return tf.nn.relu(x + shortcut)


def make_train_op(loss, learning_rate):
    return tf.train.AdamOptimizer(learning_rate).minimize(loss)


def evaluate(sess, outputs, feeds):
    return [sess.run(outputs, feed) for feed in feeds]


def save(sess, path):
    return tf.train.Saver(tf.trainable_variables()).save(sess, path)
