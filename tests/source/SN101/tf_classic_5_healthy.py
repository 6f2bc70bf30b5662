"""The right one."""
import tensorflow as tf
from tensorflow.python.training.moving_averages import assign_moving_average

from mnistdata import mnist


def batch_norm(x, train, eps=1e-05, decay=0.9, affine=True, name=None):
    with tf.variable_scope(name, default_name="BatchNorm2d"):
        params_shape = x.get_shape().as_list()[-1:]
        moving_mean = tf.get_variable("mean", params_shape, initializer=tf.zeros_initializer(), trainable=False)
        moving_variance = tf.get_variable("variance", params_shape, initializer=tf.ones_initializer(), trainable=False)

        def mean_var_with_update():
            mean, variance = tf.nn.moments(x, [0], name="moments")
            with tf.control_dependencies(
                [
                    assign_moving_average(moving_mean, mean, decay),
                    assign_moving_average(moving_variance, variance, decay),
                ]
            ):
                return tf.identity(mean), tf.identity(variance)

        mean, variance = tf.cond(train, mean_var_with_update, lambda: (moving_mean, moving_variance))
        if affine:
            beta = tf.get_variable("beta", params_shape, initializer=tf.zeros_initializer())
            gamma = tf.get_variable("gamma", params_shape, initializer=tf.ones_initializer())
            return tf.nn.batch_normalization(x, mean, variance, beta, gamma, eps)
        return tf.nn.batch_normalization(x, mean, variance, None, None, eps)


def network(x, train, reuse=None):
    with tf.variable_scope("network", reuse=reuse):
        h = tf.layers.dense(x, 100, use_bias=False, name="fc1")
        return tf.layers.dense(tf.nn.relu(batch_norm(h, train, name="bn1")), 10, name="fc2")


x = tf.placeholder(tf.float32, [None, 784])
y = tf.placeholder(tf.int64, [None])
train = tf.placeholder(tf.bool)
loss = tf.losses.sparse_softmax_cross_entropy(y, network(x, train))
step = tf.train.AdamOptimizer(1e-3).minimize(loss)
prediction = tf.argmax(network(x, tf.constant(False), reuse=True), 1)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for i in range(10000):
        images, labels = mnist.train.next_batch(64)
        sess.run(step, {x: images, y: labels, train: True})
    print(sess.run(prediction, {x: mnist.test.images}))
