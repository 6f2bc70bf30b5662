import tensorflow as tf

from data import train_batches, test_batch

x = tf.placeholder(tf.float32, [None, 32, 32, 3])
y = tf.placeholder(tf.int64, [None])
is_training = tf.placeholder(tf.bool)


def block(inputs, filters):
    net = tf.layers.conv2d(inputs, filters, 3, padding="same", use_bias=False)
    net = tf.layers.batch_normalization(net, training=is_training)
    return tf.nn.relu(net)


features = block(block(x, 32), 64)

net = tf.layers.dense(tf.layers.flatten(features), 256, use_bias=False)
net = tf.nn.relu(tf.layers.batch_normalization(net, training=is_training))
logits = tf.layers.dense(net, 10)
loss = tf.losses.sparse_softmax_cross_entropy(y, logits)

update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)  # expect: SN102
with tf.control_dependencies(update_ops):
    train_op = tf.train.AdamOptimizer(1e-3).minimize(loss)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for images, labels in train_batches(64):
        sess.run(train_op, {x: images, y: labels, is_training: True})
    images, labels = test_batch()
    print(sess.run(loss, {x: images, y: labels, is_training: False}))
