"""A builder that says False: whoever imports it may restore statistics that are to be kept."""
import tensorflow as tf


def features(images):
    net = images
    for block, filters in enumerate((32, 64, 128)):
        net = tf.layers.conv2d(net, filters, 3, strides=2, padding="same", use_bias=False, name="conv%d" % block)
        net = tf.layers.batch_normalization(net, training=False, name="bn%d" % block)  # expect: SN202 likely
        net = tf.nn.relu(net)
    return tf.reduce_mean(net, [1, 2])


class Classifier(object):
    def __init__(self, images, labels, classes):
        self.logits = tf.layers.dense(features(images), classes)
        self.loss = tf.losses.sparse_softmax_cross_entropy(labels, self.logits)
        self.train_op = tf.train.MomentumOptimizer(0.01, 0.9).minimize(self.loss)
