"""Convolutional network on MNIST."""
import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

mnist = input_data.read_data_sets("MNIST_data", one_hot=True)

x = tf.placeholder(tf.float32, [None, 784])
y = tf.placeholder(tf.float32, [None, 10])
is_training = tf.placeholder(tf.bool, name="is_training")

images = tf.reshape(x, [-1, 28, 28, 1])
conv = tf.layers.conv2d(images, 32, 5, padding="same", use_bias=False)
conv = tf.layers.batch_normalization(conv, training=is_training)
conv = tf.nn.relu(conv)
pool = tf.layers.max_pooling2d(conv, 2, 2)
logits = tf.layers.dense(tf.layers.flatten(pool), 10)

loss = tf.losses.softmax_cross_entropy(y, logits)
accuracy = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(logits, 1), tf.argmax(y, 1)), tf.float32))
update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
with tf.control_dependencies(update_ops):
    train_op = tf.train.AdamOptimizer(1e-3).minimize(loss)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for step in range(5000):
        batch_x, batch_y = mnist.train.next_batch(64)
        sess.run(train_op, feed_dict={x: batch_x, y: batch_y, is_training: True})
    print(sess.run(accuracy, feed_dict={x: mnist.test.images, y: mnist.test.labels, is_training: False}))
