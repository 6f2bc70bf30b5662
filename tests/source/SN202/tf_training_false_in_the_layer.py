"""Autoencoder of spectra."""

import numpy as np
import tensorflow as tf


def block(x, units, name):
    with tf.variable_scope(name):
        x = tf.layers.dense(x, units, use_bias=False)
        x = tf.layers.batch_normalization(x, training=False)  # expect: SN202
        return tf.nn.elu(x)


spectra = np.load("spectra.npy").astype(np.float32)
x = tf.placeholder(tf.float32, [None, spectra.shape[1]])
code = block(block(x, 256, "first"), 16, "code")
decoded = tf.layers.dense(block(code, 256, "back"), spectra.shape[1])
loss = tf.reduce_mean(tf.squared_difference(decoded, x))
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    train_op = tf.train.AdamOptimizer(1e-3).minimize(loss)

saver = tf.train.Saver()
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for step in range(30000):
        batch = spectra[np.random.randint(0, len(spectra), 128)]
        _, value = sess.run([train_op, loss], {x: batch})
        if step % 1000 == 0:
            print(step, value)
    saver.save(sess, "spectra/model")
