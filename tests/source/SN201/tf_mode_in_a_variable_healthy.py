"""The mode is a variable that is assigned, as TFLearn and others do."""
import tensorflow as tf

from data import batches, validation

is_training = tf.get_variable("is_training", dtype=tf.bool, initializer=True, trainable=False)
set_training = tf.assign(is_training, True)
set_testing = tf.assign(is_training, False)
x = tf.placeholder(tf.float32, [None, 64])
y = tf.placeholder(tf.int32, [None])
h = tf.layers.dense(x, 64, use_bias=False)
h = tf.nn.relu(tf.layers.batch_normalization(h, training=is_training))
loss = tf.losses.sparse_softmax_cross_entropy(y, tf.layers.dense(h, 3))
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer().minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for epoch in range(50):
        sess.run(set_training)
        for a, b in batches(64):
            sess.run(step, {x: a, y: b})
        sess.run(set_testing)
        a, b = validation()
        print(sess.run(loss, {x: a, y: b}))
