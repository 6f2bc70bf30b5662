"""Training of a published ResNet, and its evaluation in a graph of its own."""

import tensorflow as tf
import tf_slim as slim
from flowers import get_split
from tf_slim.nets import resnet_v2

tf.app.flags.DEFINE_string("train_dir", "out", "Where checkpoints go.")
FLAGS = tf.app.flags.FLAGS


def logits_of(images, is_training):
    with slim.arg_scope(resnet_v2.resnet_arg_scope()):
        logits, _ = resnet_v2.resnet_v2_50(images, 5, is_training=is_training)
    return tf.squeeze(logits)


def main(_):
    with tf.Graph().as_default():
        images, labels = tf.train.shuffle_batch(get_split("train"), 32, 2000, 1000)
        tf.losses.sparse_softmax_cross_entropy(labels, logits_of(images, True))
        train_op = slim.learning.create_train_op(tf.losses.get_total_loss(), tf.train.AdamOptimizer(1e-4))
        slim.learning.train(train_op, FLAGS.train_dir, number_of_steps=20000)
    with tf.Graph().as_default():
        images, labels = tf.train.batch(get_split("validation"), 32)
        accuracy, update = tf.metrics.accuracy(labels, tf.argmax(logits_of(images, False), 1))
        latest = tf.train.latest_checkpoint(FLAGS.train_dir)
        slim.evaluation.evaluate_once("", latest, "eval", num_evals=20, eval_op=[update], final_op=accuracy)


if __name__ == "__main__":
    tf.app.run()
