import tensorflow as tf
import numpy as np
import inp


def G(z, reuse=False):
    with tf.variable_scope("G", reuse=reuse):
        h = tf.layers.dense(z, 128, use_bias=False)
        h = tf.nn.relu(tf.layers.batch_normalization(h, training=True))
        return tf.layers.dense(h, 2)


def D(x, reuse=False):
    with tf.variable_scope("D", reuse=reuse):
        return tf.layers.dense(tf.layers.dense(x, 128, tf.nn.relu), 1)


z = tf.placeholder(tf.float32, [None, 16])
r = tf.placeholder(tf.float32, [None, 2])
f = G(z)
dl = tf.reduce_mean(D(f)) - tf.reduce_mean(D(r, True))
gl = -tf.reduce_mean(D(f, True))
tv = tf.trainable_variables()
gv = [v for v in tv if v.name.startswith("G")]
dv = [v for v in tv if v.name.startswith("D")]
dop = tf.train.AdamOptimizer().minimize(dl, var_list=dv)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    gop = tf.train.AdamOptimizer().minimize(gl, var_list=gv)
with tf.Session() as s:
    s.run(tf.global_variables_initializer())
    for i in range(10000):
        for _ in range(5):
            s.run(dop, {r: inp.real(64), z: np.random.randn(64, 16)})
        s.run(gop, {z: np.random.randn(64, 16)})
