import tensorflow as tf

from data import batches


def weight_variable(shape):
    initial = tf.truncated_normal(shape, stddev=0.0001)  # expect: SN905
    return tf.Variable(initial)


def conv_layer(x, shape, training):
    x = tf.nn.conv2d(x, weight_variable(shape), [1, 2, 2, 1], "SAME")
    return tf.nn.relu(tf.layers.batch_normalization(x, training=training))


x = tf.placeholder(tf.float32, [None, 48, 48, 1])
y = tf.placeholder(tf.int32, [None])
training = tf.placeholder(tf.bool)
net = conv_layer(x, [5, 5, 1, 32], training)
net = conv_layer(net, [5, 5, 32, 64], training)
loss = tf.losses.sparse_softmax_cross_entropy(y, tf.layers.dense(tf.reduce_mean(net, [1, 2]), 7))
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer().minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for a, b in batches(64):
        sess.run(step, {x: a, y: b, training: True})
