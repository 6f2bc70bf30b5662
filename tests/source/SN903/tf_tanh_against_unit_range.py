import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

mnist = input_data.read_data_sets("data")
x = tf.placeholder(tf.float32, [None, 784])
training = tf.placeholder(tf.bool)
h = tf.layers.dense(x, 128, use_bias=False)
h = tf.nn.relu(tf.layers.batch_normalization(h, training=training))
code = tf.layers.dense(h, 32, activation=tf.nn.relu)
output = tf.layers.dense(code, 784, activation=tf.nn.tanh)
loss = tf.reduce_mean(tf.squared_difference(output, x))  # expect: SN903
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer().minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for _ in range(10000):
        images, _ = mnist.train.next_batch(64)
        sess.run(step, {x: images, training: True})
    print(sess.run(loss, {x: mnist.test.images, training: False}))
