import tensorflow as tf
from tensorflow.contrib import slim

from scans import read_example

BATCH = 24


def inputs(files):
    queue = tf.train.string_input_producer(files, shuffle=True)
    volume, mask = read_example(queue)
    return tf.train.shuffle_batch(
        [volume, mask], batch_size=BATCH, capacity=64, min_after_dequeue=16
    )


def vnet(volume, is_training):
    params = {"is_training": is_training, "decay": 0.99}
    with slim.arg_scope([slim.conv3d], normalizer_fn=slim.batch_norm, normalizer_params=params):
        net = slim.conv3d(volume, 16, 3)
        net = slim.conv3d(net, 32, 3)
    return slim.conv3d(net, 2, 1, activation_fn=None)


volume, mask = inputs(["a.tfrecord", "b.tfrecord"])
loss = slim.losses.sparse_softmax_cross_entropy(vnet(volume, True), mask)
step = slim.learning.create_train_op(loss, tf.train.AdamOptimizer(1e-4))
slim.learning.train(step, "logs", number_of_steps=50000)
