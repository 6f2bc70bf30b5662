import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

mnist = input_data.read_data_sets("data", one_hot=True)
x = tf.placeholder(tf.float32, [None, 784])
y = tf.placeholder(tf.float32, [None, 10])
training = tf.placeholder(tf.bool)
weights = {
    "h1": tf.Variable(tf.random_normal([784, 256])),  # expect: SN905
    "out": tf.Variable(tf.random_normal([256, 10], stddev=0.05)),
}
h = tf.nn.relu(tf.layers.batch_normalization(tf.matmul(x, weights["h1"]), training=training))
logits = tf.matmul(h, weights["out"])
loss = tf.losses.softmax_cross_entropy(y, logits)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer().minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for _ in range(10000):
        a, b = mnist.train.next_batch(64)
        sess.run(step, {x: a, y: b, training: True})
