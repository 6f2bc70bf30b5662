import tensorflow as tf

from pairs import batches


def features(x, is_training):
    x = tf.layers.conv2d(x, 32, 3, 2, "same", use_bias=False)
    return tf.nn.relu(tf.layers.batch_normalization(x, training=is_training))


photos = tf.placeholder(tf.float32, [None, 48, 48, 3])
paintings = tf.placeholder(tf.float32, [None, 48, 48, 3])
labels = tf.placeholder(tf.int64, [None])
is_training = tf.placeholder(tf.bool)
with tf.variable_scope("model"):
    with tf.variable_scope("features") as shared:
        of_photos = features(photos, is_training)
with tf.variable_scope(shared, reuse=True):
    of_paintings = features(paintings, is_training)  # expect: SN401 likely
both = tf.concat([tf.layers.flatten(of_photos), tf.layers.flatten(of_paintings)], 1)
loss = tf.losses.sparse_softmax_cross_entropy(labels, tf.layers.dense(both, 2))
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer(1e-3).minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for a, b, c in batches(64):
        sess.run(step, {photos: a, paintings: b, labels: c, is_training: True})
