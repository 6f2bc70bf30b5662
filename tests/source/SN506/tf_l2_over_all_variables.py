import tensorflow as tf

from data import batches

x = tf.placeholder(tf.float32, [None, 32, 32, 3])
y = tf.placeholder(tf.int64, [None])
training = tf.placeholder(tf.bool)
net = tf.layers.conv2d(x, 32, 3, use_bias=False)
net = tf.nn.relu(tf.layers.batch_normalization(net, training=training))
logits = tf.layers.dense(tf.reduce_mean(net, [1, 2]), 10)
cross_entropy = tf.losses.sparse_softmax_cross_entropy(y, logits)
weight_decay = 2e-4
loss = cross_entropy + weight_decay * tf.add_n([tf.nn.l2_loss(v) for v in tf.trainable_variables()])  # expect: SN506
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for a, b in batches(64):
        sess.run(step, {x: a, y: b, training: True})
