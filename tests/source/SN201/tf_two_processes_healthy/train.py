import tensorflow.compat.v1 as tf
import tf_slim as slim

from net import mobilenet
from records import read

tf.disable_v2_behavior()


def main():
    images, labels = read("train", 64)
    logits = mobilenet(images, 1000, is_training=True)
    tf.losses.sparse_softmax_cross_entropy(labels, logits)
    train_op = slim.learning.create_train_op(tf.losses.get_total_loss(), tf.train.RMSPropOptimizer(0.045, 0.9))
    slim.learning.train(train_op, "logs/train", number_of_steps=200000)


if __name__ == "__main__":
    main()
