import tensorflow as tf

import birds


class Network(object):
    def __init__(self, is_training):
        self.is_training = is_training


class Small(Network):
    def logits(self, images):
        x = tf.layers.conv2d(images, 32, 3, 2, "same", use_bias=False)
        x = tf.layers.batch_normalization(x, training=self.is_training, momentum=0.9)
        x = tf.layers.dropout(tf.nn.relu(x), 0.3, training=self.is_training)
        return tf.layers.dense(tf.reduce_mean(x, [1, 2]), 200)


images, labels = birds.pipeline("train", 32)
with tf.variable_scope("net"):
    logits = Small(True).logits(images)
loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer(1e-3).minimize(loss)
images, labels = birds.pipeline("test", 32)
with tf.variable_scope("net", reuse=True):
    test_logits = Small(False).logits(images)
hits = tf.nn.in_top_k(test_logits, labels, 1)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for i in range(20000):
        sess.run(step)
    print(sess.run(hits))
