import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

mnist = input_data.read_data_sets("MNIST_data/", one_hot=True)
n_steps = 2000


def fully_connected(x, units, is_training):
    x = tf.layers.dense(x, units, use_bias=False)
    x = tf.layers.batch_normalization(x, training=is_training)
    return tf.nn.relu(x)


inputs = tf.placeholder(tf.float32, [None, 784])
labels = tf.placeholder(tf.float32, [None, 10])
is_training = tf.placeholder(tf.bool)
layer = inputs
for layer_i in range(1, 4):
    layer = fully_connected(layer, 100 * layer_i, is_training)
logits = tf.layers.dense(layer, 10)
model_loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(logits=logits, labels=labels))
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    train_opt = tf.train.AdamOptimizer(0.002).minimize(model_loss)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for batch_i in range(n_steps):
        batch_xs, batch_ys = mnist.train.next_batch(64)
        sess.run(train_opt, {inputs: batch_xs, labels: batch_ys, is_training: True})
    print(sess.run(model_loss, {inputs: mnist.test.images, labels: mnist.test.labels, is_training: False}))
