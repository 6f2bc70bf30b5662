import tensorflow as tf
import numpy as np
from datasets import load_train


def build(x, is_training):
    h = tf.layers.conv1d(x, 32, 5, padding="same", use_bias=False)
    h = tf.layers.batch_normalization(h, training=is_training, momentum=0.9)
    h = tf.nn.relu(h)
    return tf.layers.dense(tf.reduce_mean(h, 1), 2)


xs, ys = load_train()
x = tf.placeholder(tf.float32, [None, 100, 3])
y = tf.placeholder(tf.int32, [None])
logits = build(x, True)
loss = tf.losses.sparse_softmax_cross_entropy(y, logits)
acc = tf.reduce_mean(tf.cast(tf.nn.in_top_k(logits, y, 1), tf.float32))
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    op = tf.train.AdamOptimizer().minimize(loss)
saver = tf.train.Saver()
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for e in range(100):
        for b in np.array_split(np.random.permutation(len(xs)), 10):
            sess.run(op, {x: xs[b], y: ys[b]})
        print("train acc", sess.run(acc, {x: xs[b], y: ys[b]}))
    saver.save(sess, "m")
