"""A builder whose caller says the mode, and a frozen network under a head that alone is trained."""
import tensorflow as tf


def features(images, training):
    net = images
    for block, filters in enumerate((32, 64, 128)):
        net = tf.layers.conv2d(net, filters, 3, strides=2, padding="same", use_bias=False, name="conv%d" % block)
        net = tf.layers.batch_normalization(net, training=training, name="bn%d" % block)
        net = tf.nn.relu(net)
    return tf.reduce_mean(net, [1, 2])


class Classifier(object):
    def __init__(self, images, labels, classes, training):
        self.logits = tf.layers.dense(features(images, training), classes)
        self.loss = tf.losses.sparse_softmax_cross_entropy(labels, self.logits)
        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
            self.train_op = tf.train.MomentumOptimizer(0.01, 0.9).minimize(self.loss)


class Head(object):
    def __init__(self, images, labels, classes):
        with tf.variable_scope("head"):
            self.logits = tf.layers.dense(tf.stop_gradient(features(images, False)), classes)
        self.loss = tf.losses.sparse_softmax_cross_entropy(labels, self.logits)
        self.train_op = tf.train.MomentumOptimizer(0.01, 0.9).minimize(
            self.loss, var_list=tf.trainable_variables("head")
        )
