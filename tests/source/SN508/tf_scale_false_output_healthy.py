import tensorflow as tf

from data import batches


def head(features, training):
    features = tf.layers.dense(features, 128, use_bias=False)
    features = tf.nn.relu(tf.layers.batch_normalization(features, scale=False, training=training))
    return tf.layers.dense(features, 10)


x = tf.placeholder(tf.float32, [None, 64])
y = tf.placeholder(tf.int64, [None])
training = tf.placeholder(tf.bool)
loss = tf.losses.sparse_softmax_cross_entropy(y, head(x, training))
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer().minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for a, b in batches(64):
        sess.run(step, {x: a, y: b, training: True})
