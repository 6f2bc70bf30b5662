import sys

import numpy as np
import tensorflow as tf

from model import build

x = tf.placeholder("float32", (1, 784), name="x")
digit = tf.argmax(build(x, True), 1)  # expect: SN201
with tf.Session() as sess:
    tf.train.Saver().restore(sess, "ckpt/model")
    print(sess.run(digit, feed_dict={x: np.load(sys.argv[1]).reshape(1, 784)}))
