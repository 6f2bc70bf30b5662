import tensorflow as tf

from cells import iterate
from model import unet

images = tf.placeholder(tf.float32, [None, 256, 256, 1])
masks = tf.placeholder(tf.float32, [None, 256, 256, 1])
logits = unet(images, training=True)
loss = tf.losses.sigmoid_cross_entropy(masks, logits)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer(1e-4).minimize(loss)

saver = tf.train.Saver()
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for epoch in range(100):
        for x, y in iterate("train", 16):
            sess.run(step, {images: x, masks: y})
        saver.save(sess, "models/unet", epoch)
