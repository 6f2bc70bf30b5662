import tensorflow as tf


class Network(object):
    def __init__(self, images, is_training):
        self.images = images
        self.is_training = is_training

    def conv(self, x, filters, stride, name):
        with tf.variable_scope(name):
            x = tf.layers.conv2d(x, filters, 3, stride, "same", use_bias=False)
            x = tf.layers.batch_normalization(x, momentum=0.9, name="bn", training=self.is_training)
            return tf.nn.relu(x)

    def dropout(self, x):
        return tf.layers.dropout(x, 0.3, training=self.is_training)


class Small(Network):
    def logits(self, classes):
        x = self.conv(self.images, 32, 2, "conv1")
        x = self.conv(x, 64, 2, "conv2")
        x = self.dropout(tf.reduce_mean(x, [1, 2]))
        return tf.layers.dense(x, classes, name="logits")
