"""Another process trains a network without normalization and saves its trainable variables: all that it has."""
import tensorflow as tf

from data import batches

x = tf.placeholder(tf.float32, [None, 16])
y = tf.placeholder(tf.float32, [None, 1])
with tf.variable_scope("plain"):
    h = tf.layers.dense(x, 64, activation=tf.nn.relu)
    plain = tf.layers.dense(h, 1)
with tf.variable_scope("normalized"):
    h = tf.layers.dense(x, 64, use_bias=False)
    h = tf.nn.relu(tf.layers.batch_normalization(h, training=True))
    normalized = tf.layers.dense(h, 1)
loss = tf.losses.mean_squared_error(y, plain) + tf.losses.mean_squared_error(y, normalized)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer().minimize(loss)
plain_saver = tf.train.Saver(tf.trainable_variables("plain"))
saver = tf.train.Saver()
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for a, b in batches(64):
        sess.run(step, {x: a, y: b})
    plain_saver.save(sess, "plain")
    saver.save(sess, "both")
