import tensorflow as tf
import numpy as np
from layers import *
from dataio import mnist

net = Seq("net", [Conv("c1", 16, bias=False), BN("b1"), Relu("r1"), Conv("c2", 32), BN("b2"), Relu("r2")])
x = tf.placeholder(tf.float32, [None, 28, 28, 1])
y = tf.placeholder(tf.int32, [None])
logits = tf.layers.dense(tf.reduce_mean(net(x), [1, 2]), 10, name="fc")
loss = tf.losses.sparse_softmax_cross_entropy(y, logits)
op = tf.train.AdamOptimizer().minimize(loss)
test_logits = tf.layers.dense(tf.reduce_mean(net(x, is_training=False), [1, 2]), 10, name="fc", reuse=True)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for i in range(1000):
        bx, by = mnist.train.next_batch(64)
        sess.run(op, {x: bx, y: by})
    print(sess.run(test_logits, {x: mnist.test.images}))
