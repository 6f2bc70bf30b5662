import tensorflow as tf
import inp

ids, y = inp.train(64)
E = tf.Variable(tf.random_normal([1000, 64]))
e = tf.reduce_mean(tf.nn.embedding_lookup(E, ids), 1)
h = tf.nn.relu(tf.layers.batch_normalization(tf.layers.dense(e, 32, use_bias=False), training=True))
l = tf.losses.sparse_softmax_cross_entropy(y, tf.layers.dense(h, 3))
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    op = tf.train.AdamOptimizer().minimize(l)
with tf.train.MonitoredTrainingSession() as s:
    while not s.should_stop():
        s.run(op)
