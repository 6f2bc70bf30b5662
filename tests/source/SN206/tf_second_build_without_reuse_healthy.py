import tensorflow as tf

from images import train_queue, test_queue


def model(x, training, reuse):
    with tf.variable_scope("model", reuse=reuse):
        x = tf.layers.conv2d(x, 32, 5, use_bias=False)
        x = tf.nn.relu(tf.layers.batch_normalization(x, training=training))
        x = tf.layers.conv2d(x, 64, 5, use_bias=False)
        x = tf.nn.relu(tf.layers.batch_normalization(x, training=training))
        return tf.layers.dense(tf.reduce_mean(x, [1, 2]), 10)


images, labels = train_queue(64)
logits = model(images, True, reuse=False)
loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    train_op = tf.train.AdamOptimizer(1e-3).minimize(loss)

test_images, test_labels = test_queue(64)
test_logits = model(test_images, False, reuse=True)
accuracy = tf.reduce_mean(tf.cast(tf.nn.in_top_k(test_logits, test_labels, 1), tf.float32))

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    coord = tf.train.Coordinator()
    threads = tf.train.start_queue_runners(sess, coord)
    for step in range(10000):
        sess.run(train_op)
        if step % 500 == 0:
            print(step, sess.run(accuracy))
