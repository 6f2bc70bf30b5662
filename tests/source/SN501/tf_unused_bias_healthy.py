"""A variable called biases is made and only added where there is no normalization."""
import tensorflow as tf

from shapes import batches, test_batches


def conv2d(inputs, filters, bn, is_training, scope):
    with tf.variable_scope(scope):
        kernel = tf.get_variable(
            "weights", [1, 1, inputs.shape[-1], filters], initializer=tf.contrib.layers.xavier_initializer()
        )
        outputs = tf.nn.conv2d(inputs, kernel, [1, 1, 1, 1], padding="VALID")
        biases = tf.get_variable("biases", [filters], initializer=tf.constant_initializer(0.0))
        if bn:
            outputs = tf.layers.batch_normalization(outputs, momentum=0.95, training=is_training)
        else:
            outputs = tf.nn.bias_add(outputs, biases)
        return tf.nn.relu(outputs)


cloud = tf.placeholder(tf.float32, [None, 1024, 1, 3])
label = tf.placeholder(tf.int32, [None])
is_training = tf.placeholder(tf.bool)
net = conv2d(cloud, 64, True, is_training, "conv1")
net = conv2d(net, 128, False, is_training, "conv2")
logits = tf.layers.dense(tf.reduce_max(net, [1, 2]), 40)
loss = tf.losses.sparse_softmax_cross_entropy(label, logits)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer().minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for x, y in batches(32):
        sess.run(step, {cloud: x, label: y, is_training: True})
    for x, y in test_batches(32):
        print(sess.run(loss, {cloud: x, label: y, is_training: False}))
