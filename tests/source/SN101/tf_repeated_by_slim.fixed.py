import tensorflow as tf
from tensorflow.contrib import slim

import flowers


def vgg_scope(is_training, weight_decay=5e-4):
    norm = {"is_training": is_training, "decay": 0.99}
    with slim.arg_scope([slim.conv2d], weights_regularizer=slim.l2_regularizer(weight_decay)):
        with slim.arg_scope([slim.conv2d], normalizer_fn=slim.batch_norm, normalizer_params=norm) as scope:
            return scope


def vgg(images, classes):
    net = slim.conv2d(images, 32, [3, 3], stride=2, normalizer_fn=None, scope="stem")
    net = slim.repeat(net, 2, slim.conv2d, 64, [3, 3], scope="conv1")
    net = slim.max_pool2d(net, [2, 2], scope="pool1")
    net = slim.stack(net, slim.conv2d, [(128, [3, 3]), (128, [3, 3])], scope="conv2")
    net = tf.reduce_mean(net, [1, 2])
    return slim.fully_connected(net, classes, activation_fn=None, scope="logits")


def main(_):
    images, labels = flowers.batches("train", 64)
    with slim.arg_scope(vgg_scope(is_training=True)):
        logits = vgg(images, 17)
    tf.losses.sparse_softmax_cross_entropy(labels, logits)
    optimizer = tf.train.MomentumOptimizer(0.01, 0.9)
    update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    with tf.control_dependencies(update_ops):
        train_op = optimizer.minimize(tf.losses.get_total_loss(), tf.train.get_or_create_global_step())  # expect: SN101
    with tf.train.MonitoredTrainingSession(checkpoint_dir="log") as sess:
        while not sess.should_stop():
            sess.run(train_op)


if __name__ == "__main__":
    tf.app.run()
