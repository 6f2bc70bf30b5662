import tensorflow as tf
from tensorflow.contrib import slim

from data import queue

params = {"is_training": True, "decay": 0.95}
images, labels = queue(64)
with slim.arg_scope([slim.conv2d], normalizer_fn=slim.batch_norm, normalizer_params=params):
    net = slim.conv2d(images, 32, 3)
    net = slim.conv2d(net, 32, 3, activation_fn=tf.nn.tanh)  # expect: SN502 SN508
logits = slim.fully_connected(slim.flatten(net), 10, activation_fn=None)
loss = slim.losses.sparse_softmax_cross_entropy(logits, labels)
step = slim.learning.create_train_op(loss, tf.train.AdamOptimizer(1e-3))
slim.learning.train(step, "logs", number_of_steps=100000)
