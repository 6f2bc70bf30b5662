import tensorflow as tf


class Seg(object):
    def __init__(self, cfg, mode="train"):
        assert mode in ("train", "eval", "infer")
        self.cfg = cfg
        self.mode = mode

    def bn(self, x):
        return tf.layers.batch_normalization(x, training=self.mode == "train")

    def __call__(self, x):
        for i, c in enumerate(self.cfg.channels):
            with tf.variable_scope("block%d" % i):
                x = tf.layers.conv2d(x, c, 3, padding="same", use_bias=False)
                x = tf.nn.relu(self.bn(x))
        return tf.layers.conv2d(x, self.cfg.classes, 1)
