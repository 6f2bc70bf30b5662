import tensorflow as tf
from tensorflow.contrib import slim

from glyphs import batches, test_batches


def network(images, is_training):
    params = {"is_training": is_training, "scale": True, "decay": 0.95}
    with slim.arg_scope([slim.conv2d, slim.fully_connected], normalizer_fn=slim.batch_norm, normalizer_params=params):
        net = slim.max_pool2d(slim.conv2d(images, 64, 3), 2)
        net = slim.fully_connected(slim.flatten(net), 256)
        return slim.fully_connected(net, 62, activation_fn=None)  # expect: SN503


images = tf.placeholder(tf.float32, [None, 32, 32, 1])
labels = tf.placeholder(tf.int64, [None])
is_training = tf.placeholder(tf.bool, [])
logits = network(images, is_training)
loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(logits=logits, labels=labels))
accuracy = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(logits, 1), labels), tf.float32))
best_five = tf.reduce_mean(tf.cast(tf.nn.in_top_k(logits, labels, 5), tf.float32))
tf.summary.histogram("logits", logits)
step = slim.learning.create_train_op(loss, tf.train.AdamOptimizer(1e-3))
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for a, b in batches(128):
        sess.run(step, {images: a, labels: b, is_training: True})
    for a, b in test_batches(128):
        print(sess.run([logits, accuracy, best_five], {images: a, labels: b, is_training: False}))
