import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

from model import build

mnist = input_data.read_data_sets("MNIST_data", one_hot=True)
x = tf.placeholder("float32", (None, 784), name="x")
y = tf.placeholder("float32", (None, 10), name="y")
logits = build(x, True)
loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(logits=logits, labels=y))
train_step = tf.train.GradientDescentOptimizer(0.01).minimize(loss)  # expect: SN101
saver = tf.train.Saver()
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for i in range(10000):
        x_train, y_train = mnist.train.next_batch(100)
        sess.run(train_step, feed_dict={x: x_train, y: y_train})
    saver.save(sess, "ckpt/model")
