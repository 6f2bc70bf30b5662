"""A complete layer stands beside it and is not used."""
import tensorflow as tf

import inputs


def batchnorm(inp, training, decay=0.95):
    scale = tf.Variable(tf.ones([inp.get_shape()[-1]]))
    shift = tf.Variable(tf.zeros([inp.get_shape()[-1]]))
    pop_mean = tf.Variable(tf.zeros([inp.get_shape()[-1]]), trainable=False)
    pop_var = tf.Variable(tf.ones([inp.get_shape()[-1]]), trainable=False)

    def train():
        mean, var = tf.nn.moments(inp, [0, 1, 2])
        set_mean = tf.assign(pop_mean, pop_mean * decay + mean * (1 - decay))
        set_var = tf.assign(pop_var, pop_var * decay + var * (1 - decay))
        with tf.control_dependencies([set_mean, set_var]):
            return tf.nn.batch_normalization(inp, mean, var, shift, scale, 1e-3)

    def test():
        return tf.nn.batch_normalization(inp, pop_mean, pop_var, shift, scale, 1e-3)

    return tf.cond(training, train, test)


def simple_bn(inp, training, decay=0.95):
    scale = tf.Variable(tf.ones([inp.get_shape()[-1]]))
    shift = tf.Variable(tf.zeros([inp.get_shape()[-1]]))
    mean, var = tf.nn.moments(inp, axes=[0, 1, 2])
    return tf.nn.batch_normalization(inp, mean, var, shift, scale, variance_epsilon=1e-3)


def main():
    x = tf.placeholder("float", [None, 64, 64, 3])
    y = tf.placeholder("float", [None, 2])
    training = tf.placeholder(tf.bool)
    kernel = tf.Variable(tf.random_normal([5, 5, 3, 32], stddev=0.05))
    conv = tf.nn.conv2d(x, kernel, strides=[1, 2, 2, 1], padding="SAME")
    conv = tf.nn.relu(batchnorm(conv, training))
    out = tf.layers.dense(tf.layers.flatten(conv), 2)
    cost = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(logits=out, labels=y))
    optimizer = tf.train.AdamOptimizer(1e-4).minimize(cost)
    with tf.Session() as sess:
        sess.run(tf.initialize_all_variables())
        for i in range(3000):
            a, b = inputs.next_batch(40)
            sess.run(optimizer, feed_dict={x: a, y: b, training: True})
        a, b = inputs.test_set()
        print(sess.run(cost, feed_dict={x: a, y: b, training: False}))


main()
