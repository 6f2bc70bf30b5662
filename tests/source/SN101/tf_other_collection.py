import tensorflow as tf
from ops import batches, testing

x = tf.placeholder(tf.float32, [None, 28, 28, 1])
y = tf.placeholder(tf.int32, [None])
tr = tf.placeholder(tf.bool)
h = tf.contrib.layers.batch_norm(
    tf.layers.conv2d(x, 16, 3, use_bias=False), is_training=tr, updates_collections="my_ops", decay=0.9
)
h = tf.nn.relu(h)
loss = tf.losses.sparse_softmax_cross_entropy(y, tf.layers.dense(tf.layers.flatten(h), 10))
update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
with tf.control_dependencies(update_ops):
    op = tf.train.AdamOptimizer().minimize(loss)  # expect: SN101
with tf.Session() as s:
    s.run(tf.global_variables_initializer())
    for a, b in batches():
        s.run(op, {x: a, y: b, tr: True})
