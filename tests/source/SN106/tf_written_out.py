"""The formula of the paper, without its second half."""
import tensorflow as tf

from ecg import Loader


class CNN(object):
    def __init__(self, length, classes):
        self.x = tf.placeholder(tf.float32, [None, length, 1])
        self.y = tf.placeholder(tf.int64, [None])
        self.training = tf.placeholder(tf.bool)
        net = self.conv(self.x, 16, "conv1")
        net = self.conv(net, 32, "conv2")
        net = tf.layers.dropout(tf.reduce_mean(net, 1), 0.5, training=self.training)
        self.logits = tf.layers.dense(net, classes)
        self.loss = tf.losses.sparse_softmax_cross_entropy(self.y, self.logits)
        self.step = tf.train.AdamOptimizer().minimize(self.loss)

    def conv(self, x, filters, name):
        with tf.variable_scope(name):
            x = tf.layers.conv1d(x, filters, 7, strides=2, use_bias=False)
            return tf.nn.relu(self.global_bn(x))

    def global_bn(self, x):
        gamma = tf.get_variable("gamma", [x.shape[-1]], initializer=tf.ones_initializer())
        beta = tf.get_variable("beta", [x.shape[-1]], initializer=tf.zeros_initializer())
        mean, var = tf.nn.moments(x, [0, 1])
        return gamma * (x - mean) / tf.sqrt(var + 1e-5) + beta  # expect: SN106


def main():
    model = CNN(3000, 4)
    data = Loader("ecg/")
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for step in range(10000):
            signals, classes = data.random_batch(32)
            sess.run(model.step, {model.x: signals, model.y: classes, model.training: True})
        signals, classes = data.test()
        print(sess.run(model.loss, {model.x: signals, model.y: classes, model.training: False}))


if __name__ == "__main__":
    main()
