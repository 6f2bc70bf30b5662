import tensorflow as tf
from tensorflow.contrib import slim

from data import queue

params = {"is_training": True, "scale": True, "decay": 0.95}
images, labels = queue(64)
with slim.arg_scope([slim.conv2d, slim.fully_connected], normalizer_fn=slim.batch_norm, normalizer_params=params):
    net = slim.conv2d(images, 64, 3, stride=2)
    net = slim.flatten(net)
    logits = slim.fully_connected(net, 17, activation_fn=None, normalizer_fn=None)
loss = slim.losses.sparse_softmax_cross_entropy(logits, labels)
step = slim.learning.create_train_op(loss, tf.train.AdamOptimizer(1e-3))
slim.learning.train(step, "logs", number_of_steps=100000)
