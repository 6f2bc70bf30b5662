"""All convolutions are trained, gamma and beta alone are left as they are."""
import tensorflow as tf
from photos import batches, test_set

x = tf.placeholder(tf.float32, [None, 128, 128, 3])
y = tf.placeholder(tf.int32, [None])
training = tf.placeholder(tf.bool)
with tf.variable_scope("base"):
    net = tf.layers.conv2d(x, 64, 3, 2, use_bias=False, name="conv1")
    net = tf.nn.relu(tf.layers.batch_normalization(net, training=training, name="bn1"))
    net = tf.layers.conv2d(net, 128, 3, 2, use_bias=False, name="conv2")
    net = tf.nn.relu(tf.layers.batch_normalization(net, training=training, name="bn2"))
with tf.variable_scope("head"):
    logits = tf.layers.dense(tf.reduce_mean(net, [1, 2]), 7)
loss = tf.losses.sparse_softmax_cross_entropy(y, logits)
late = [v for v in tf.trainable_variables() if "bn" not in v.name]
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer().minimize(loss, var_list=late)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for a, b in batches(32):
        sess.run(step, {x: a, y: b, training: True})
    a, b = test_set()
    print(sess.run(loss, {x: a, y: b, training: False}))
