import tensorflow as tf
import inp

x = tf.placeholder(tf.float32, [None, 10])
h = tf.layers.batch_normalization(tf.layers.dense(x, 10, use_bias=False), training=True)
o = tf.layers.dense(tf.nn.relu(h), 1)
upd = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
sv = tf.train.Saver()
with tf.Session() as s:
    sv.restore(s, "m")
    for a in inp.batches(256):
        s.run([o, upd], {x: a})
    sv.save(s, "m2")
