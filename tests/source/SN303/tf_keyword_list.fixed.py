import tensorflow as tf
import tensorflow.contrib.slim as slim

from data import queue


def variables_to_save():
    saved = slim.get_trainable_variables()
    g_list = tf.global_variables()
    bn_moving_vars = [g for g in g_list if "moving_mean" in g.name]
    bn_moving_vars += [g for g in g_list if "moving_variance" in g.name]
    saved = saved + bn_moving_vars  # expect: SN303
    return saved


def main():
    images, labels = queue(32)
    params = {"is_training": True, "decay": 0.95}
    with slim.arg_scope([slim.conv2d], normalizer_fn=slim.batch_norm, normalizer_params=params):
        net = slim.conv2d(images, 32, 3)
    logits = slim.fully_connected(slim.flatten(net), 5, activation_fn=None)
    loss = slim.losses.sparse_softmax_cross_entropy(logits, labels)
    step = slim.learning.create_train_op(loss, tf.train.AdamOptimizer())
    saver = tf.train.Saver(var_list=variables_to_save(), max_to_keep=5)
    slim.learning.train(step, "logs", number_of_steps=10000, saver=saver)


main()
