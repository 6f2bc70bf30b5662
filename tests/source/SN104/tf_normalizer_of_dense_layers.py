"""A classifier of tabular data: a few hundred steps, and contrib's own decay of 0.999."""

import numpy as np
import tensorflow as tf
from tensorflow.contrib.layers import batch_norm, fully_connected

n_steps, batch_size = 400, 50

X = tf.placeholder(tf.float32, (None, 30), name="X")
y = tf.placeholder(tf.int64, (None,), name="y")
is_training = tf.placeholder(tf.bool, (), name="is_training")
params = {"is_training": is_training, "updates_collections": None}
hidden = fully_connected(X, 100, normalizer_fn=batch_norm, normalizer_params=params)  # expect: SN104
logits = fully_connected(hidden, 2, activation_fn=None)
loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
training_op = tf.train.AdamOptimizer(0.01).minimize(loss)
accuracy = tf.reduce_mean(tf.cast(tf.nn.in_top_k(logits, y, 1), tf.float32))

data = np.load("cancer.npz")
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for step in range(n_steps):
        index = np.random.randint(0, len(data["x"]), batch_size)
        sess.run(training_op, {X: data["x"][index], y: data["y"][index], is_training: True})
    print(sess.run(accuracy, {X: data["x_test"], y: data["y_test"], is_training: False}))
