"""The updates are gathered block by block, and from two graph collections, before the train step waits for them."""
import tensorflow as tf

from digits import batches, test_set

x = tf.placeholder(tf.float32, [None, 64])
y = tf.placeholder(tf.int32, [None])
training = tf.placeholder(tf.bool)


def block(h, units, name):
    with tf.variable_scope(name):
        h = tf.layers.dense(h, units, use_bias=False)
        return tf.nn.relu(tf.layers.batch_normalization(h, training=training))


def moving(scope):
    return [op for op in tf.get_collection(tf.GraphKeys.UPDATE_OPS, scope) if "batch_norm" in op.name]


h = x
updates = []
for number in range(12):
    h = block(h, 32, "block%d" % number)
    updates += moving("block%d" % number)
h = block(h, 16, "neck")
updates += [op for op in tf.get_collection(tf.GraphKeys.UPDATE_OPS, "neck")]
h = block(h, 16, "head")
updates.extend(op for op in tf.get_collection(tf.GraphKeys.UPDATE_OPS, "head"))
with tf.name_scope("towers"), tf.name_scope("first"):
    h = tf.layers.batch_normalization(h, training=training)
updates = updates + [op for op in tf.get_collection(tf.GraphKeys.UPDATE_OPS, scope="towers/first")]
loss = tf.losses.sparse_softmax_cross_entropy(y, tf.layers.dense(h, 10))
with tf.control_dependencies(updates):
    train_op = tf.train.AdamOptimizer().minimize(loss)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for epoch in range(20):
        for images, labels in batches(64):
            sess.run(train_op, {x: images, y: labels, training: True})
    images, labels = test_set()
    print(sess.run(loss, {x: images, y: labels, training: False}))
