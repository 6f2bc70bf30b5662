import tensorflow as tf
from tensorflow.contrib import slim

from data import nchw_images

images, labels = nchw_images(64)
params = {"is_training": True, "fused": True, "decay": 0.95}
with slim.arg_scope([slim.conv2d], data_format="NCHW", biases_initializer=None, activation_fn=None):
    net = slim.conv2d(images, 64, 3, stride=2)
    net = tf.nn.relu(slim.batch_norm(net, **params))  # expect: SN504
    net = slim.conv2d(net, 128, 3, stride=2, activation_fn=tf.nn.relu)
logits = slim.fully_connected(tf.reduce_mean(net, [2, 3]), 10, activation_fn=None)
loss = slim.losses.sparse_softmax_cross_entropy(logits, labels)
step = slim.learning.create_train_op(loss, tf.train.AdamOptimizer(1e-3))
slim.learning.train(step, "logs", number_of_steps=100000)
