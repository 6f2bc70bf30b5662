import tensorflow as tf

from mnistdata import mnist


def batch_norm(x, is_training, decay=0.99):
    scale = tf.Variable(tf.ones([x.get_shape()[-1]]))
    beta = tf.Variable(tf.zeros([x.get_shape()[-1]]))
    pop_mean = tf.Variable(tf.zeros([x.get_shape()[-1]]), trainable=False)
    pop_var = tf.Variable(tf.ones([x.get_shape()[-1]]), trainable=False)
    if is_training:
        batch_mean, batch_var = tf.nn.moments(x, [0])
        train_mean = tf.assign(pop_mean, pop_mean * decay + batch_mean * (1 - decay))
        train_var = tf.assign(pop_var, pop_var * decay + batch_var * (1 - decay))
        with tf.control_dependencies([train_mean, train_var]):
            return tf.nn.batch_normalization(x, batch_mean, batch_var, beta, scale, 1e-3)
    return tf.nn.batch_normalization(x, pop_mean, pop_var, beta, scale, 1e-3)


def build_graph(is_training):
    x = tf.placeholder(tf.float32, shape=[None, 784])
    y_ = tf.placeholder(tf.float32, shape=[None, 10])
    w1 = tf.Variable(tf.truncated_normal([784, 100], stddev=0.05))
    l1 = tf.nn.relu(batch_norm(tf.matmul(x, w1), is_training))
    w2 = tf.Variable(tf.truncated_normal([100, 10], stddev=0.05))
    y = tf.matmul(l1, w2)
    loss = tf.losses.softmax_cross_entropy(y_, y)
    return x, y_, y, loss


def main():
    x, y_, _, loss = build_graph(True)
    train_step = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
    test_x, test_y_, _, test_loss = build_graph(False)  # expect: SN206
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for i in range(10000):
            images, labels = mnist.train.next_batch(60)
            train_step.run({x: images, y_: labels})
        print(test_loss.eval({test_x: mnist.test.images, test_y_: mnist.test.labels}))


main()
