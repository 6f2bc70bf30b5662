import tensorflow as tf

from cells import iterate, save
from model import unet

images = tf.placeholder(tf.float32, [None, 256, 256, 1])
mask = tf.sigmoid(unet(images, training=False))
with tf.Session() as sess:
    tf.train.Saver().restore(sess, tf.train.latest_checkpoint("models"))
    for name, x in iterate("test", 16):
        save(name, sess.run(mask, {images: x}))
