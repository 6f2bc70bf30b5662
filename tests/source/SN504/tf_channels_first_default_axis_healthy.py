import tensorflow as tf

from data import batches

images = tf.placeholder(tf.float32, [None, 3, 32, 32])
labels = tf.placeholder(tf.int64, [None])
training = tf.placeholder(tf.bool)
net = tf.layers.conv2d(images, 32, 3, use_bias=False, data_format="channels_first")
net = tf.layers.batch_normalization(net, axis=1, training=training)
net = tf.nn.relu(net)
logits = tf.layers.dense(tf.reduce_mean(net, [2, 3]), 10)
loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer().minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for x, y in batches(64):
        sess.run(step, {images: x, labels: y, training: True})
