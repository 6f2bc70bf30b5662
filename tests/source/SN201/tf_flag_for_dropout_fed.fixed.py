import tensorflow as tf

import birds

images = tf.placeholder(tf.float32, [None, 64, 64, 3])
labels = tf.placeholder(tf.int64, [None])
is_training = tf.placeholder(tf.bool)
x = tf.layers.conv2d(images, 32, 3, 2, "same", use_bias=False)
x = tf.layers.batch_normalization(x, training=is_training, momentum=0.9)
x = tf.layers.dropout(tf.nn.relu(x), 0.3, training=is_training)
logits = tf.layers.dense(tf.reduce_mean(x, [1, 2]), 200)
loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer(1e-3).minimize(loss)
hits = tf.nn.in_top_k(logits, labels, 1)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for i in range(20000):
        x, y = birds.batch("train", 32)
        sess.run(step, {images: x, labels: y, is_training: True})
    x, y = birds.batch("test", 32)
    print(sess.run(hits, {images: x, labels: y, is_training: False}))
