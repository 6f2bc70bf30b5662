import tensorflow as tf

from data import batches


def network(x, training):
    for units in (256, 128):
        x = tf.layers.dense(x, units, use_bias=False)
        x = tf.nn.relu(tf.layers.batch_normalization(x, training=training))
    x = tf.layers.dense(x, 10, use_bias=False)
    return tf.layers.batch_normalization(x, training=training)  # expect: SN503


x = tf.placeholder(tf.float32, [None, 784])
y = tf.placeholder(tf.int64, [None])
training = tf.placeholder(tf.bool)
loss = tf.losses.sparse_softmax_cross_entropy(y, network(x, training))
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer().minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for a, b in batches(64):
        sess.run(step, {x: a, y: b, training: True})
