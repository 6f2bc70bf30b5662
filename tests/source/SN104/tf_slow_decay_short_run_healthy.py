"""Fine-tunes Inception on a few hundred photos."""
import tensorflow as tf
from tensorflow.contrib import slim

from photos import training_batch


def inception_arg_scope(is_training, batch_norm_decay=0.97):
    batch_norm_params = {
        "is_training": is_training,
        "decay": batch_norm_decay,
        "epsilon": 0.001,
        "updates_collections": tf.GraphKeys.UPDATE_OPS,
    }
    with slim.arg_scope(
        [slim.conv2d], normalizer_fn=slim.batch_norm, normalizer_params=batch_norm_params
    ) as scope:
        return scope


def small_inception(images, num_classes):
    net = slim.conv2d(images, 32, 3, stride=2)
    net = slim.conv2d(net, 64, 3, stride=2)
    net = slim.conv2d(net, 128, 3, stride=2)
    net = tf.reduce_mean(net, [1, 2])
    return slim.fully_connected(net, num_classes, activation_fn=None)


def main():
    images, labels = training_batch(32)
    with slim.arg_scope(inception_arg_scope(True)):
        logits = small_inception(images, 5)
    slim.losses.sparse_softmax_cross_entropy(logits, labels)
    train_op = slim.learning.create_train_op(slim.losses.get_total_loss(), tf.train.AdamOptimizer(1e-4))
    slim.learning.train(train_op, "/tmp/flowers", number_of_steps=1000, save_interval_secs=30)


if __name__ == "__main__":
    main()
