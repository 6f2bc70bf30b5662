import tensorflow as tf


class Layer(object):
    def __init__(self, name):
        self.name = name


class BN(Layer):
    def __init__(self, name, momentum=0.99):
        super(BN, self).__init__(name)
        self.momentum = momentum

    def __call__(self, x, is_training):
        return tf.contrib.layers.batch_norm(
            x, decay=self.momentum, is_training=is_training, scope=self.name, updates_collections=None
        )


class Conv(Layer):
    def __init__(self, name, out, bias=True):
        super(Conv, self).__init__(name)
        self.out = out
        self.bias = bias

    def __call__(self, x, is_training):
        return tf.layers.conv2d(x, self.out, 3, padding="same", use_bias=self.bias, name=self.name)


class Relu(Layer):
    def __call__(self, x, is_training):
        return tf.nn.relu(x)


class Seq(Layer):
    def __init__(self, name, layers):
        super(Seq, self).__init__(name)
        self.layers = layers

    def __call__(self, x, is_training=True):
        with tf.variable_scope(self.name, reuse=tf.AUTO_REUSE):
            for l in self.layers:
                x = l(x, is_training)
        return x
