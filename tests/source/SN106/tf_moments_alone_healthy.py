import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data


def batch_norm_wrapper(inputs, epsilon=1e-3):
    size = inputs.get_shape()[-1]
    scale = tf.Variable(tf.ones([size]))
    beta = tf.Variable(tf.zeros([size]))
    mean, var = tf.nn.moments(inputs, [1], keep_dims=True)
    return tf.nn.batch_normalization(inputs, mean, var, beta, scale, epsilon)


def layer(x, size):
    w = tf.Variable(tf.truncated_normal([int(x.get_shape()[-1]), size], stddev=0.05))
    return tf.nn.relu(batch_norm_wrapper(tf.matmul(x, w)))


mnist = input_data.read_data_sets("MNIST_data", one_hot=True)
x = tf.placeholder(tf.float32, [None, 784])
y_ = tf.placeholder(tf.float32, [None, 10])
hidden = layer(layer(x, 100), 100)
w3 = tf.Variable(tf.truncated_normal([100, 10], stddev=0.05))
y = tf.nn.softmax(tf.matmul(hidden, w3))
cross_entropy = -tf.reduce_sum(y_ * tf.log(y))
train_step = tf.train.GradientDescentOptimizer(0.01).minimize(cross_entropy)
accuracy = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(y, 1), tf.argmax(y_, 1)), tf.float32))

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for i in range(40000):
        batch = mnist.train.next_batch(60)
        train_step.run(feed_dict={x: batch[0], y_: batch[1]})
    print(accuracy.eval(feed_dict={x: mnist.test.images, y_: mnist.test.labels}))
