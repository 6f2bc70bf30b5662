import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

mnist = input_data.read_data_sets("data")
x = tf.placeholder(tf.float32, [None, 784])
y = tf.placeholder(tf.int64, [None])
training = tf.placeholder(tf.bool)
h = tf.layers.dense(x, 100, use_bias=False)
h = tf.nn.relu(tf.layers.batch_normalization(h, training=training))
logits = tf.layers.dense(h, 10)
loss = tf.losses.sparse_softmax_cross_entropy(y, logits)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer(1e-4).minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for i in range(100000):
        images, labels = mnist.train.next_batch(5)  # expect: SN505
        sess.run(step, {x: images, y: labels, training: True})
    print(sess.run(loss, {x: mnist.test.images, y: mnist.test.labels, training: False}))
