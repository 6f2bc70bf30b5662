import tensorflow as tf

from data import batches


def head(features, training):
    features = tf.layers.dense(features, 128, activation=tf.nn.relu)
    scores = tf.layers.dense(features, 10, use_bias=False)
    return tf.layers.batch_normalization(scores, scale=False, training=training)  # expect: SN503 SN508


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
