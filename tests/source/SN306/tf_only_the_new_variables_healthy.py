import tensorflow as tf
from tensorflow.contrib import slim

from data import batch

images, labels = batch(32)
with slim.arg_scope([slim.conv2d], normalizer_fn=slim.batch_norm, normalizer_params={"decay": 0.99}):
    net = slim.conv2d(images, 32, 3, scope="base")
logits = slim.fully_connected(tf.reduce_mean(net, [1, 2]), 7, activation_fn=None, scope="head")
loss = slim.losses.sparse_softmax_cross_entropy(logits, labels)
before = set(tf.global_variables())
optimizer = tf.train.AdamOptimizer()
step = slim.learning.create_train_op(loss, optimizer)
with tf.Session() as sess:
    tf.train.Saver(list(before)).restore(sess, "base.ckpt")
    sess.run(tf.variables_initializer(set(tf.global_variables()) - before))
    sess.run(tf.variables_initializer(slim.get_variables("head")))
    for _ in range(10000):
        sess.run(step)
