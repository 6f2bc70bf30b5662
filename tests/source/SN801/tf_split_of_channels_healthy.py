import tensorflow as tf
import inp


def net(rgb, training):
    r, g, b = tf.split(axis=3, num_or_size_splits=3, value=rgb * 255.0)
    bgr = tf.concat(axis=3, values=[b, g, r])
    c = tf.layers.conv2d(bgr, 64, 3, use_bias=False)
    c = tf.nn.relu(tf.layers.batch_normalization(c, training=training))
    return tf.layers.dense(tf.layers.flatten(c), 2)


ds = inp.images().shuffle(100).repeat().batch(16)
x, y = ds.make_one_shot_iterator().get_next()
l = tf.losses.sparse_softmax_cross_entropy(y, net(x, True))
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    op = tf.train.AdamOptimizer().minimize(l)
with tf.train.MonitoredTrainingSession() as s:
    while not s.should_stop():
        s.run(op)
