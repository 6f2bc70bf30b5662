"""Two optimizers for the parts of one network, run together."""
import tensorflow as tf

from data import images_and_labels

images, labels = images_and_labels(64)
with tf.variable_scope("body"):
    net = tf.layers.conv2d(images, 32, 3, 2, use_bias=False)
    net = tf.nn.relu(tf.layers.batch_normalization(net, training=True))
with tf.variable_scope("head"):
    net = tf.layers.dense(tf.reduce_mean(net, [1, 2]), 64, use_bias=False)
    net = tf.nn.relu(tf.layers.batch_normalization(net, training=True))
    logits = tf.layers.dense(net, 10)
loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    body = tf.train.GradientDescentOptimizer(1e-4).minimize(loss, var_list=tf.trainable_variables("body"))
    head = tf.train.GradientDescentOptimizer(1e-2).minimize(loss, var_list=tf.trainable_variables("head"))
step = tf.group(body, head)
with tf.train.MonitoredTrainingSession(checkpoint_dir="out") as sess:
    while not sess.should_stop():
        sess.run(step)
