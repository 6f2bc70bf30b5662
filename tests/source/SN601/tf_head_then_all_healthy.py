import tensorflow as tf
import inp

x, y = inp.train(64)
tr = tf.placeholder(tf.bool)
with tf.variable_scope("base"):
    h = tf.layers.conv2d(x, 32, 3, use_bias=False)
    h = tf.nn.relu(tf.layers.batch_normalization(h, training=tr))
with tf.variable_scope("head"):
    o = tf.layers.dense(tf.layers.flatten(h), 5)
l = tf.losses.sparse_softmax_cross_entropy(y, o)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    head_op = tf.train.AdamOptimizer(1e-3).minimize(
        l, var_list=tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, "head")
    )
    full_op = tf.train.AdamOptimizer(1e-5).minimize(l)
with tf.Session() as s:
    s.run(tf.global_variables_initializer())
    for _ in range(1000):
        s.run(head_op, {tr: False})
    for _ in range(1000):
        s.run(full_op, {tr: True})
