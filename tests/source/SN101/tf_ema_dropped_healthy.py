import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data


def batch_norm(x, n_out, phase_train):
    """Batch normalization on convolutional maps."""
    beta = tf.get_variable("beta", [n_out], initializer=tf.zeros_initializer())
    gamma = tf.get_variable("gamma", [n_out], initializer=tf.ones_initializer())
    batch_mean, batch_var = tf.nn.moments(x, [0, 1, 2], name="moments")
    ema = tf.train.ExponentialMovingAverage(decay=0.9)

    def mean_var_with_update():
        ema_apply_op = ema.apply([batch_mean, batch_var])
        with tf.control_dependencies([ema_apply_op]):
            return tf.identity(batch_mean), tf.identity(batch_var)

    mean, var = tf.cond(
        phase_train,
        mean_var_with_update,
        lambda: (ema.average(batch_mean), ema.average(batch_var)),
    )
    return tf.nn.batch_normalization(x, mean, var, beta, gamma, 1e-3)


def conv_layer(x, shape, phase_train, name):
    with tf.variable_scope(name):
        weight = tf.get_variable("weight", shape, initializer=tf.truncated_normal_initializer(stddev=0.1))
        conv = tf.nn.conv2d(x, weight, strides=[1, 2, 2, 1], padding="SAME")
        return tf.nn.relu(batch_norm(conv, shape[-1], phase_train))


def main():
    mnist = input_data.read_data_sets("data/")
    x = tf.placeholder(tf.float32, [None, 784])
    y = tf.placeholder(tf.int64, [None])
    phase_train = tf.placeholder(tf.bool, name="phase_train")
    net = conv_layer(tf.reshape(x, [-1, 28, 28, 1]), [5, 5, 1, 32], phase_train, "conv1")
    net = conv_layer(net, [5, 5, 32, 64], phase_train, "conv2")
    logits = tf.layers.dense(tf.layers.flatten(net), 10)
    loss = tf.losses.sparse_softmax_cross_entropy(y, logits)
    train_step = tf.train.AdamOptimizer(1e-4).minimize(loss)
    correct = tf.reduce_mean(tf.cast(tf.nn.in_top_k(logits, y, 1), tf.float32))
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for i in range(20000):
            images, labels = mnist.train.next_batch(50)
            sess.run(train_step, {x: images, y: labels, phase_train: True})
        print(sess.run(correct, {x: mnist.test.images, y: mnist.test.labels, phase_train: False}))


main()
