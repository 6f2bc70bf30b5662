import tensorflow as tf
from model import Seg
import config, data

img = tf.placeholder(tf.float32, [None, None, None, 3])
pred = tf.argmax(Seg(config, "infer")(img), -1)
with tf.Session() as sess:
    tf.train.Saver().restore(sess, "seg.ckpt")
    for x in data.folder("images"):
        data.show(sess.run(pred, {img: [x]}))
