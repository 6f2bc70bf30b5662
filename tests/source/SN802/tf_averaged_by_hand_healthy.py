import numpy as np
import tensorflow as tf

from crops import Loader

images = tf.placeholder(tf.float32, [None, 256, 256, 3])
masks = tf.placeholder(tf.float32, [None, 256, 256, 1])
training = tf.placeholder(tf.bool)
net = tf.layers.conv2d(images, 32, 3, padding="same", use_bias=False)
net = tf.nn.relu(tf.layers.batch_normalization(net, training=training))
loss = tf.losses.sigmoid_cross_entropy(masks, tf.layers.conv2d(net, 1, 1))
optimizer = tf.train.AdamOptimizer(1e-4)
grads_and_vars = optimizer.compute_gradients(loss)
gradients = [g for g, _ in grads_and_vars]
feeds = [tf.placeholder(tf.float32, v.shape) for _, v in grads_and_vars]
apply = optimizer.apply_gradients([(f, v) for f, (_, v) in zip(feeds, grads_and_vars)])
update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
loader = Loader("train")
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for step in range(20000):
        x, y = loader.next_batch(64)
        values, _ = sess.run([gradients, update_ops], {images: x, masks: y, training: True})
        sess.run(apply, dict(zip(feeds, [np.clip(each, -1, 1) for each in values])))
