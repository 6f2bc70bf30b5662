import tensorflow as tf
from tensorflow.contrib.layers import apply_regularization, batch_norm, fully_connected, l2_regularizer

from data import table

x = tf.placeholder(tf.float32, [None, 30])
y = tf.placeholder(tf.float32, [None, 1])
phase = tf.placeholder(tf.bool)
params = {"is_training": phase, "scale": True, "updates_collections": None, "decay": 0.9}
net = fully_connected(x, 64, normalizer_fn=batch_norm, normalizer_params=params)
out = fully_connected(net, 1, activation_fn=None)
loss = tf.losses.mean_squared_error(y, out)
kernels = [v for v in tf.trainable_variables() if "weights" in v.name]
loss += apply_regularization(l2_regularizer(1e-4), kernels)
step = tf.train.AdamOptimizer().minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for a, b in table("train", 64):
        sess.run(step, {x: a, y: b, phase: True})
