import tensorflow as tf

from data import next_batch, validation


def conv_bn(x, filters, train, name):
    with tf.variable_scope(name):
        x = tf.layers.conv2d(x, filters, 3, padding="same", use_bias=False)
        return tf.nn.relu(tf.layers.batch_normalization(x, training=train))


x = tf.placeholder(tf.float32, [None, 48, 48, 1])
y = tf.placeholder(tf.int64, [None])
train = tf.placeholder(tf.bool)

h = conv_bn(x, 32, train, "a")
h = conv_bn(h, 64, train, "b")
logits = tf.layers.dense(tf.reduce_max(h, [1, 2]), 7)
loss = tf.losses.sparse_softmax_cross_entropy(y, logits)

optimizer = tf.train.AdamOptimizer()
update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
with tf.control_dependencies(update_ops):
    train_op = optimizer.minimize(loss)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    pass

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for i in range(30000):
        images, labels = next_batch(100)
        sess.run(train_op, {x: images, y: labels, train: True})
    images, labels = validation()
    print(sess.run(loss, {x: images, y: labels, train: False}))
