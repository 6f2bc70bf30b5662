"""Only the last layer is trained, by the first part of its name."""
import tensorflow as tf
from photos import batches, test_set


def conv(x, filters, name, training):
    with tf.variable_scope(name):
        w = tf.get_variable("w", [3, 3, x.get_shape()[-1], filters])
        x = tf.nn.conv2d(x, w, [1, 2, 2, 1], "SAME")
        x = tf.layers.batch_normalization(x, training=training, name="bn")
        return tf.nn.relu(x)


x = tf.placeholder(tf.float32, [None, 128, 128, 3])
y = tf.placeholder(tf.int32, [None])
training = tf.placeholder(tf.bool)
net = conv(x, 64, "conv1", training)
net = conv(net, 128, "conv2", training)
logits = tf.layers.dense(tf.reduce_mean(net, [1, 2]), 7, name="fc")
loss = tf.losses.sparse_softmax_cross_entropy(y, logits)
var_list = [v for v in tf.trainable_variables() if v.name.split("/")[0] in ["fc"]]
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer().minimize(loss, var_list=var_list)  # expect: SN601

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    tf.train.Saver([v for v in tf.global_variables() if "fc" not in v.name]).restore(sess, "base/model")
    for a, b in batches(32):
        sess.run(step, {x: a, y: b, training: True})
    a, b = test_set()
    print(sess.run(loss, {x: a, y: b, training: False}))
