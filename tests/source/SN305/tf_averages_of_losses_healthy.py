"""Averages of losses for the summaries, and weights that nobody reads back."""
import tensorflow as tf

from data import queue

images, labels = queue(64)
net = tf.layers.conv2d(images, 32, 3, use_bias=False)
net = tf.nn.relu(tf.layers.batch_normalization(net, training=True))
loss = tf.losses.sparse_softmax_cross_entropy(labels, tf.layers.dense(tf.reduce_mean(net, [1, 2]), 10))
loss_averages = tf.train.ExponentialMovingAverage(0.9, name="avg")
loss_averages_op = loss_averages.apply([loss])
tf.summary.scalar("loss", loss_averages.average(loss))
update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
with tf.control_dependencies(update_ops + [loss_averages_op]):
    step = tf.train.AdamOptimizer().minimize(loss)
with tf.train.MonitoredTrainingSession(checkpoint_dir="out") as sess:
    while not sess.should_stop():
        sess.run(step)
