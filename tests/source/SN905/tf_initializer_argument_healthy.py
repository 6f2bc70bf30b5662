import tensorflow as tf

from data import batches


def conv(x, filters, training):
    x = tf.layers.conv2d(
        x,
        filters,
        3,
        use_bias=False,
        kernel_initializer=tf.variance_scaling_initializer(2.0),
    )
    return tf.nn.relu(tf.layers.batch_normalization(x, training=training))


x = tf.placeholder(tf.float32, [None, 64, 64, 3])
y = tf.placeholder(tf.int32, [None])
training = tf.placeholder(tf.bool)
net = conv(conv(x, 32, training), 64, training)
loss = tf.losses.sparse_softmax_cross_entropy(y, tf.layers.dense(tf.reduce_mean(net, [1, 2]), 8))
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer().minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for a, b in batches(64):
        sess.run(step, {x: a, y: b, training: True})
