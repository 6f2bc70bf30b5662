import tensorflow as tf

from data import batches

x = tf.placeholder(tf.float32, [None, 784])
y = tf.placeholder(tf.int64, [None])
rate = tf.placeholder(tf.float32)
training = tf.placeholder(tf.bool)
net = tf.layers.dense(x, 256, activation=tf.nn.relu)
net = tf.layers.dropout(net, rate)
net = tf.layers.batch_normalization(net, training=training)
drop = tf.layers.Dropout(0.5)
net = drop(tf.layers.dense(net, 128, activation=tf.nn.relu))
net = tf.layers.batch_normalization(net, training=training)
net = tf.contrib.layers.dropout(tf.layers.dense(net, 64, activation=tf.nn.relu), 0.5, is_training=False)
net = tf.layers.batch_normalization(net, training=training)
logits = tf.layers.dense(net, 10)
loss = tf.losses.sparse_softmax_cross_entropy(y, logits)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer().minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for a, b in batches(64):
        sess.run(step, {x: a, y: b, rate: 0.4, training: True})
