"""Stage 1 keeps what it has: nothing in it is trained, its averages stand still."""
import tensorflow as tf

from clouds import samples, test_samples


def conv_bn(x, filters, training, name, trainable=True, momentum=0.99):
    x = tf.layers.conv1d(x, filters, 1, use_bias=False, trainable=trainable, name=name)
    x = tf.layers.batch_normalization(x, training=training, trainable=trainable, momentum=momentum, name=name + "_bn")
    return tf.nn.relu(x)


points = tf.placeholder(tf.float32, [None, 2048, 4])
labels = tf.placeholder(tf.int32, [None])
stage2_training = tf.placeholder(tf.bool)
net = conv_bn(points, 64, False, "stage1_1", trainable=False, momentum=1.0)
net = conv_bn(net, 128, False, "stage1_2", trainable=False, momentum=1.0)
net = tf.stop_gradient(net)
net = conv_bn(net, 256, stage2_training, "stage2_1")
logits = tf.layers.dense(tf.reduce_max(net, 1), 8, name="stage2_logits")
loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer(1e-3).minimize(loss)
stage1 = tf.train.Saver([v for v in tf.global_variables() if v.name.startswith("stage1")])

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    stage1.restore(sess, "stage1/model")
    for x, y in samples(32):
        sess.run(step, {points: x, labels: y, stage2_training: True})
    x, y = test_samples()
    print(sess.run(loss, {points: x, labels: y, stage2_training: False}))
