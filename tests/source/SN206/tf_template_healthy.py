import tensorflow as tf

from data import inputs


def _net(images, training):
    net = tf.layers.conv2d(images, 32, 3, strides=2, use_bias=False)
    net = tf.nn.relu(tf.layers.batch_normalization(net, training=training))
    return tf.layers.dense(tf.reduce_mean(net, [1, 2]), 10)


net = tf.make_template("net", _net)
images, labels = inputs("train", 64)
loss = tf.losses.sparse_softmax_cross_entropy(labels, net(images, True))
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer().minimize(loss)
test_images, test_labels = inputs("test", 64)
hits = tf.nn.in_top_k(net(test_images, False), test_labels, 1)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for _ in range(10000):
        sess.run(step)
    print(sess.run(hits))
