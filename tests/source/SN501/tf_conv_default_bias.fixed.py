import tensorflow as tf

from data import batches


def conv_bn_relu(x, filters, training):
    x = tf.layers.conv2d(x, filters, 3, padding="same", use_bias=False)  # expect: SN501
    x = tf.layers.batch_normalization(x, training=training)
    return tf.nn.relu(x)


images = tf.placeholder(tf.float32, [None, 32, 32, 3])
labels = tf.placeholder(tf.int64, [None])
training = tf.placeholder(tf.bool)
net = conv_bn_relu(images, 32, training)
net = conv_bn_relu(net, 64, training)
logits = tf.layers.dense(tf.reduce_mean(net, [1, 2]), 10)
loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer().minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for x, y in batches(64):
        sess.run(step, {images: x, labels: y, training: True})
