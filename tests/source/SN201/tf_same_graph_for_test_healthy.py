"""The layers are left at the default of contrib, and the same graph measures the accuracy."""
import tensorflow as tf
import tensorflow.contrib.slim as slim
from tensorflow.examples.tutorials.mnist import input_data

mnist = input_data.read_data_sets("data", reshape=False)
x = tf.placeholder(tf.float32, [None, 28, 28, 1])
y = tf.placeholder(tf.int64, [None])
is_training = tf.placeholder(tf.bool)

with slim.arg_scope(
    [slim.conv2d], normalizer_fn=slim.batch_norm, normalizer_params={"is_training": is_training}
):
    net = slim.conv2d(x, 32, [3, 3], scope="conv1")
    net = slim.max_pool2d(net, [2, 2])
    net = slim.conv2d(net, 64, [3, 3], scope="conv2")
net = slim.dropout(slim.flatten(net), 0.5, is_training=is_training)
logits = slim.fully_connected(net, 10, activation_fn=None)
loss = slim.losses.sparse_softmax_cross_entropy(logits, y)
train_op = slim.learning.create_train_op(loss, tf.train.AdamOptimizer(1e-3))
accuracy = tf.reduce_mean(tf.to_float(tf.equal(tf.argmax(logits, 1), y)))

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for _ in range(20000):
        images, labels = mnist.train.next_batch(50)
        sess.run(train_op, {x: images, y: labels, is_training: True})
    print(sess.run(accuracy, {x: mnist.test.images, y: mnist.test.labels, is_training: False}))
