import tensorflow as tf
from tensorflow.contrib import slim

from plants import queue


def base(images):
    params = {"is_training": False, "decay": 0.997}
    with slim.arg_scope([slim.conv2d], normalizer_fn=slim.batch_norm, normalizer_params=params):
        net = slim.conv2d(images, 64, 7, stride=2, scope="resnet/conv1")
        net = slim.conv2d(net, 128, 3, stride=2, scope="resnet/conv2")
    return tf.reduce_mean(net, [1, 2])


def main():
    images, labels = queue(32)
    logits = slim.fully_connected(base(images), 102, activation_fn=None, scope="logits")
    slim.losses.sparse_softmax_cross_entropy(logits, labels)
    train_op = slim.learning.create_train_op(
        slim.losses.get_total_loss(),
        tf.train.RMSPropOptimizer(0.01),
        variables_to_train=slim.get_variables("logits"),
    )
    init_fn = slim.assign_from_checkpoint_fn("resnet.ckpt", slim.get_variables("resnet"))
    slim.learning.train(train_op, "tuned", init_fn=init_fn, number_of_steps=5000)


main()
