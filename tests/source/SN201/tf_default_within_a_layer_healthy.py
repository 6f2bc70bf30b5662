"""Classifies pictures with a trained network, whose convolutions normalize what they give."""
import sys

import tensorflow as tf
import tensorflow.contrib.slim as slim

from pictures import load_batch


def network(images):
    net = slim.conv2d(
        images,
        32,
        3,
        stride=2,
        normalizer_fn=slim.batch_norm,
        normalizer_params={"is_training": False},
    )
    return slim.fully_connected(slim.flatten(net), 10, activation_fn=None)


def main(folder):
    images = tf.placeholder(tf.float32, [None, 64, 64, 3])
    probabilities = tf.nn.softmax(network(images))
    saver = tf.train.Saver()
    with tf.Session() as sess:
        saver.restore(sess, "checkpoints/model.ckpt")
        for name, batch in load_batch(folder):
            print(name, sess.run(probabilities, feed_dict={images: batch}))


if __name__ == "__main__":
    main(sys.argv[1])
