"""Classifies pictures with a trained network, whose layers get their options from a dict."""
import sys

import tensorflow as tf
from tensorflow.contrib.layers import batch_norm, conv2d, flatten, fully_connected

from pictures import load_batch

OPTIONS = {"decay": 0.99, "scale": True}


def network(images):
    net = conv2d(images, 32, 3, stride=2, biases_initializer=None, activation_fn=None)
    net = tf.nn.relu(batch_norm(net, scope="bn1", **OPTIONS))  # expect: SN201
    return fully_connected(flatten(net), 10, activation_fn=None)


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
