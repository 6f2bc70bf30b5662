import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

mnist = input_data.read_data_sets("MNIST_data", one_hot=True)
x = tf.placeholder(tf.float32, [None, 784])
y_ = tf.placeholder(tf.float32, [None, 10])
phase = tf.placeholder(tf.bool)


def dense_bn(inputs, size, name):
    with tf.variable_scope(name):
        w = tf.get_variable("w", [inputs.get_shape()[-1], size])
        z = tf.layers.batch_normalization(tf.matmul(inputs, w), training=phase, name="bn")
        return tf.nn.leaky_relu(z)


logits = tf.layers.dense(dense_bn(dense_bn(x, 100, "l1"), 100, "l2"), 10)
loss = tf.losses.softmax_cross_entropy(y_, logits)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    train_step = tf.train.GradientDescentOptimizer(0.01).minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for _ in range(40000):
        a, b = mnist.train.next_batch(60)
        sess.run(train_step, {x: a, y_: b, phase: True})
    print(sess.run(loss, {x: mnist.test.images, y_: mnist.test.labels, phase: False}))
