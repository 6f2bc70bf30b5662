import tensorflow as tf

from data import batches

x = tf.placeholder(tf.float32, [None, 32, 32, 3])
y = tf.placeholder(tf.int64, [None])
training = tf.placeholder(tf.bool)
net = tf.layers.conv2d(x, 32, 3, use_bias=False)
net = tf.layers.batch_normalization(net, momentum=0.1, epsilon=1e-5, training=training)  # expect: SN510 likely
net = tf.nn.relu(net)
logits = tf.layers.dense(tf.reduce_mean(net, [1, 2]), 10)
loss = tf.losses.sparse_softmax_cross_entropy(y, logits)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer().minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for a, b in batches(64):
        sess.run(step, {x: a, y: b, training: True})
