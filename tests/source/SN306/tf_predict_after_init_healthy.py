import sys

import tensorflow as tf

from pictures import load


class Predictor(object):
    def __init__(self, path):
        self.graph = tf.Graph()
        with self.graph.as_default():
            self.images = tf.placeholder(tf.float32, [None, 64, 64, 3])
            net = tf.contrib.layers.conv2d(
                self.images,
                32,
                3,
                normalizer_fn=tf.contrib.layers.batch_norm,
                normalizer_params={"is_training": False},
            )
            self.scores = tf.contrib.layers.fully_connected(tf.reduce_mean(net, [1, 2]), 2, activation_fn=None)
            self.sess = tf.Session()
            self.restore(path)
            self.sess.run(tf.local_variables_initializer())

    def restore(self, path):
        tf.train.Saver().restore(self.sess, tf.train.latest_checkpoint(path))

    def __call__(self, images):
        return self.sess.run(self.scores, {self.images: images})


if __name__ == "__main__":
    print(Predictor("logs")(load(sys.argv[1])))
