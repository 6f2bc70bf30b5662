"""The backbone stays as it was trained: inference mode, nothing in it trains."""
import tensorflow as tf
from tensorflow.contrib import slim
from tensorflow.contrib.slim.nets import resnet_v1

from boxes import batch


def main():
    images, labels = batch(16)
    with slim.arg_scope(resnet_v1.resnet_arg_scope()):
        features, _ = resnet_v1.resnet_v1_50(images, is_training=False, global_pool=True)
    head = slim.fully_connected(tf.squeeze(features, [1, 2]), 20, activation_fn=None, scope="head")
    loss = tf.losses.sparse_softmax_cross_entropy(labels, head)
    train_op = tf.train.AdamOptimizer(1e-4).minimize(loss, var_list=slim.get_trainable_variables("head"))
    restore = slim.assign_from_checkpoint_fn("resnet_v1_50.ckpt", slim.get_model_variables("resnet_v1_50"))
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        restore(sess)
        for _ in range(10000):
            sess.run(train_op)


main()
