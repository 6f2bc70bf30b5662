import tensorflow as tf
import inp

x, y = inp.train(64)
c = tf.layers.conv2d(x, 8, 3, padding="same")
tf.summary.histogram("c", c)
b = tf.nn.relu(tf.layers.batch_normalization(c, training=True))
m = tf.concat([c, b], -1)
l = tf.losses.sparse_softmax_cross_entropy(y, tf.layers.dense(tf.layers.flatten(m), 4))
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    op = tf.train.AdamOptimizer().minimize(l)
with tf.train.MonitoredTrainingSession() as s:
    while not s.should_stop():
        s.run(op)
