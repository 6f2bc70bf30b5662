"""The options are a dict, as vars() makes one of them."""

import argparse
import tensorflow as tf
from inputs import batches

parser = argparse.ArgumentParser()
parser.add_argument("--train", type=int, default=1)
parser.add_argument("--batch", type=int, default=64)
args = vars(parser.parse_args())

images, labels = batches(args["batch"])
x = tf.layers.conv2d(images, 32, 3, use_bias=False)
x = tf.nn.relu(tf.layers.batch_normalization(x, training=args["train"]))
logits = tf.layers.dense(tf.reduce_mean(x, [1, 2]), 10)
loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
with tf.Session() as sess:
    saver = tf.train.Saver()
    if args["train"]:
        train_op = tf.train.AdamOptimizer(1e-3).minimize(loss)  # expect: SN101
        sess.run(tf.global_variables_initializer())
        for step in range(100000):
            sess.run(train_op)
        saver.save(sess, "model.ckpt")
    else:
        saver.restore(sess, "model.ckpt")
        print(sess.run(tf.argmax(logits, 1)))
