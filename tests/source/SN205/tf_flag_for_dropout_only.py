import tensorflow as tf

from docs import batches, test_documents


def text_cnn(words, is_training):
    table = tf.get_variable("table", [30000, 128])
    net = tf.nn.embedding_lookup(table, words)
    net = tf.layers.conv1d(net, 256, 3, use_bias=False)
    net = tf.layers.batch_normalization(net)  # expect: SN205
    net = tf.nn.relu(net)
    net = tf.reduce_max(net, 1)
    net = tf.layers.dropout(net, 0.5, training=is_training)
    return tf.layers.dense(net, 4)


words = tf.placeholder(tf.int32, [None, 400])
topic = tf.placeholder(tf.int32, [None])
is_training = tf.placeholder(tf.bool)
logits = text_cnn(words, is_training)
loss = tf.losses.sparse_softmax_cross_entropy(topic, logits)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer().minimize(loss)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for w, t in batches(64):
        sess.run(step, {words: w, topic: t, is_training: True})
    w, t = test_documents()
    print(sess.run(loss, {words: w, topic: t, is_training: False}))
