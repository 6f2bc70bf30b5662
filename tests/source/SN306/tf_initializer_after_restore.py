import tensorflow as tf

from data import batches

x = tf.placeholder(tf.float32, [None, 224, 224, 3])
y = tf.placeholder(tf.int64, [None])
training = tf.placeholder(tf.bool)
net = tf.layers.conv2d(x, 64, 7, 2, use_bias=False)
net = tf.nn.relu(tf.layers.batch_normalization(net, training=training))
logits = tf.layers.dense(tf.reduce_mean(net, [1, 2]), 5)
loss = tf.losses.sparse_softmax_cross_entropy(y, logits)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer(1e-4).minimize(loss)

saver = tf.train.Saver()
with tf.Session() as sess:
    saver.restore(sess, "pretrained.ckpt")
    sess.run(tf.global_variables_initializer())  # expect: SN306
    for images, labels in batches(32):
        sess.run(step, {x: images, y: labels, training: True})
    saver.save(sess, "tuned.ckpt")
