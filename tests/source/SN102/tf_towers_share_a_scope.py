"""The towers have variables of their own, and only those of the first are moved."""

import tensorflow as tf
from inputs import batches


def network(images, i):
    with tf.variable_scope("net_%d" % i):
        x = tf.layers.conv2d(images, 32, 3, use_bias=False, name="conv")
        x = tf.nn.relu(tf.layers.batch_normalization(x, training=True, name="bn"))
        return tf.layers.dense(tf.reduce_mean(x, [1, 2]), 10, name="logits")


def average(tower_grads):
    return [(tf.add_n([g for g, _ in pairs]) / 2.0, pairs[0][1]) for pairs in zip(*tower_grads)]


opt = tf.train.AdamOptimizer(1e-3)
tower_grads = []
for i in range(2):
    with tf.name_scope("tower_%d" % i) as scope:
        images, labels = batches(32)
        loss = tf.losses.sparse_softmax_cross_entropy(labels, network(images, i))
        tower_grads.append(opt.compute_gradients(loss))
        if i == 0:
            update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS, scope)  # expect: SN102
train_op = tf.group(opt.apply_gradients(average(tower_grads)), *update_ops)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for step in range(100000):
        sess.run(train_op)
