"""The mode is asked of an option by name, and the step that trains is built whatever it is."""

import argparse

import tensorflow as tf
from inputs import batches

parser = argparse.ArgumentParser()
parser.add_argument("--phase", default="train")
args = parser.parse_args()
is_train = args.phase == "train"

images, labels = batches(64)
x = tf.layers.conv2d(images, 32, 3, use_bias=False)
x = tf.nn.relu(tf.layers.batch_normalization(x, training=is_train))
logits = tf.layers.dense(tf.reduce_mean(x, [1, 2]), 10)
loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    train_op = tf.train.AdamOptimizer(1e-3).minimize(loss)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for step in range(100000):
        sess.run(train_op)
    tf.train.Saver().save(sess, "model.ckpt")
