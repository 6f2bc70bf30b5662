import tensorflow as tf

from data import batches

x = tf.placeholder(tf.float32, [None, 28, 28, 1])
y = tf.placeholder(tf.int64, [None])
training = tf.placeholder(tf.bool)
net = tf.layers.conv2d(x, 32, 3, use_bias=False)
net = tf.nn.relu(tf.layers.batch_normalization(net, training=training))
logits = tf.layers.dense(tf.layers.flatten(net), 10)
loss = tf.losses.sparse_softmax_cross_entropy(y, logits)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    train_op = tf.train.AdamOptimizer().minimize(loss)

saver = tf.train.Saver(tf.global_variables())  # expect: SN301
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for step, (images, labels) in enumerate(batches(64)):
        sess.run(train_op, {x: images, y: labels, training: True})
        if step % 1000 == 0:
            saver.save(sess, "model.ckpt", global_step=step)
