import numpy as np
import tensorflow as tf

from tables import load_table

train_x, train_y, test_x, test_y = load_table("adult.csv")
training = tf.placeholder_with_default(False, shape=(), name="training")
x = tf.placeholder(tf.float32, [None, 108])
y = tf.placeholder(tf.float32, [None, 1])

net = x
for units in (256, 128, 64):
    net = tf.layers.dense(net, units, use_bias=False)
    net = tf.nn.selu(tf.layers.batch_normalization(net, training=training))
out = tf.layers.dense(net, 1)
loss = tf.losses.sigmoid_cross_entropy(y, out)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer(1e-3).minimize(loss)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for epoch in range(100):
        for rows in np.array_split(np.random.permutation(len(train_x)), len(train_x) // 512):
            sess.run(step, feed_dict={x: train_x[rows], y: train_y[rows], training: True})
    print(sess.run(loss, feed_dict={x: test_x, y: test_y}))
