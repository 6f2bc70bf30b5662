import tensorflow as tf
from ops import batches, testing

BN = "bn_updates"


def norm(x, train):
    return tf.contrib.layers.batch_norm(x, is_training=train, updates_collections=[BN], decay=0.9)


x = tf.placeholder(tf.float32, [None, 28, 28, 1])
y = tf.placeholder(tf.int32, [None])
tr = tf.placeholder(tf.bool)
h = tf.nn.relu(norm(tf.layers.conv2d(x, 16, 3, use_bias=False), tr))
loss = tf.losses.sparse_softmax_cross_entropy(y, tf.layers.dense(tf.layers.flatten(h), 10))
with tf.control_dependencies(tf.get_collection(BN)):
    op = tf.train.AdamOptimizer().minimize(loss)
with tf.Session() as s:
    s.run(tf.global_variables_initializer())
    for a, b in batches():
        s.run(op, {x: a, y: b, tr: True})
    print(s.run(loss, {x: testing.x, y: testing.y, tr: False}))
