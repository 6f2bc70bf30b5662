import tensorflow as tf


class ResNet(object):
    def __init__(self, images, labels, num_classes, is_training):
        self.images = images
        self.labels = labels
        self.num_classes = num_classes
        self.is_training = is_training
        self.build_model()

    def _batch_norm(self, x, name):
        return tf.layers.batch_normalization(x, training=self.is_training, name=name)

    def _residual(self, x, filters, name):
        with tf.variable_scope(name):
            shortcut = x
            x = tf.layers.conv2d(x, filters, 3, padding="same", use_bias=False, name="conv1")
            x = tf.nn.relu(self._batch_norm(x, "bn1"))
            x = tf.layers.conv2d(x, filters, 3, padding="same", use_bias=False, name="conv2")
            x = self._batch_norm(x, "bn2")
            return tf.nn.relu(x + shortcut)

    def build_model(self):
        x = tf.layers.conv2d(self.images, 16, 3, padding="same", use_bias=False, name="init")
        x = tf.nn.relu(self._batch_norm(x, "init_bn"))
        for i in range(3):
            x = self._residual(x, 16, "unit_%d" % i)
        x = tf.reduce_mean(x, [1, 2])
        self.logits = tf.layers.dense(x, self.num_classes, name="logits")
        self.cost = tf.losses.sparse_softmax_cross_entropy(self.labels, self.logits)
        correct = tf.equal(tf.argmax(self.logits, 1), self.labels)
        self.accuracy = tf.reduce_mean(tf.cast(correct, tf.float32))
