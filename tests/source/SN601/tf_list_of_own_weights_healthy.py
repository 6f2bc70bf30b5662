"""An actor whose weights are a list of variables: gamma and beta are not in it, but nothing is frozen."""
import tensorflow as tf

from replay import sample

phase = tf.placeholder(tf.bool, name="phase")
s = tf.placeholder(tf.float32, [None, 24])
dq = tf.placeholder(tf.float32, [None, 4])
W1 = tf.Variable(tf.random_uniform([24, 400], -0.2, 0.2))
W2 = tf.Variable(tf.random_uniform([400, 4], -0.003, 0.003))
net = [W1, W2]
h = tf.contrib.layers.batch_norm(
    tf.matmul(s, W1), center=True, scale=True, is_training=phase, updates_collections=None, scope="bn1"
)
a = tf.tanh(tf.matmul(tf.nn.softplus(h), W2))
train = tf.train.AdamOptimizer(1e-4).apply_gradients(zip(tf.gradients(a, net, -dq), net))

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for step in range(100000):
        states, slopes = sample(64)
        sess.run(train, feed_dict={s: states, dq: slopes, phase: True})
