"""Averages by hand whose update is dropped, in variables that a second build does not share."""
import tensorflow as tf
from tensorflow.python.training.moving_averages import assign_moving_average

from mnistdata import mnist


def batch_norm(x, train, eps=1e-05, decay=0.9, affine=True):
    params_shape = x.get_shape().as_list()[-1:]
    moving_mean = tf.Variable(tf.zeros(params_shape), name="mean", trainable=False)
    moving_variance = tf.Variable(tf.ones(params_shape), name="variance", trainable=False)
    if train:
        mean, variance = tf.nn.moments(x, [0], name="moments")
        assign_moving_average(moving_mean, mean, decay)  # expect: SN101
        assign_moving_average(moving_variance, variance, decay)
    else:
        mean, variance = moving_mean, moving_variance
    beta = tf.Variable(tf.zeros(params_shape), name="beta")
    gamma = tf.Variable(tf.ones(params_shape), name="gamma")
    return tf.nn.batch_normalization(x, mean, variance, beta, gamma, eps)


def network(x, train):
    w1 = tf.Variable(tf.truncated_normal([784, 100], stddev=0.05))
    w2 = tf.Variable(tf.truncated_normal([100, 10], stddev=0.05))
    return tf.matmul(tf.nn.relu(batch_norm(tf.matmul(x, w1), train)), w2)


x = tf.placeholder(tf.float32, [None, 784])
y = tf.placeholder(tf.int64, [None])
loss = tf.losses.sparse_softmax_cross_entropy(y, network(x, True))
step = tf.train.AdamOptimizer(1e-3).minimize(loss)
prediction = tf.argmax(network(x, False), 1)  # expect: SN206
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for i in range(10000):
        images, labels = mnist.train.next_batch(64)
        sess.run(step, {x: images, y: labels})
    print(sess.run(prediction, {x: mnist.test.images}))
