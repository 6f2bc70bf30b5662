import os

import tensorflow as tf
import tf_slim as slim

from data import records

v1 = tf.compat.v1


def build(images, training):
    params = {"is_training": training, "decay": 0.95, "updates_collections": None}
    with slim.arg_scope([slim.conv2d], normalizer_fn=slim.batch_norm, normalizer_params=params):
        net = slim.conv2d(images, 32, 3, scope="c1")
        net = slim.conv2d(net, 64, 3, stride=2, scope="c2")
    return slim.fully_connected(slim.flatten(net), 12, activation_fn=None, scope="fc")


def main(folder):
    v1.disable_v2_behavior()
    images, labels = records("train", 64)
    loss = v1.losses.sparse_softmax_cross_entropy(labels, build(images, True))
    step = v1.train.AdamOptimizer(1e-4).minimize(loss)
    init = v1.global_variables_initializer()
    saver = v1.train.Saver()
    with v1.Session() as sess:
        latest = v1.train.latest_checkpoint(folder)
        if latest:
            saver.restore(sess, latest)
        else:
            sess.run(init)
        for _ in range(10000):
            sess.run(step)
        saver.save(sess, os.path.join(folder, "model"))


if __name__ == "__main__":
    main("runs/1")
