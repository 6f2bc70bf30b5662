import tensorflow as tf


def network(x, is_training):
    h = tf.layers.dense(x, 32, use_bias=False)
    h = tf.nn.relu(tf.layers.batch_normalization(h, training=is_training))
    return tf.nn.log_softmax(tf.layers.dense(h, 10))


x = tf.placeholder(tf.float32, [None, 784])
y = tf.placeholder(tf.float32, [None, 10])
is_training = tf.placeholder(tf.bool, [])
probs = network(x, is_training)
loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=probs))
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    train_op = tf.train.AdamOptimizer(1e-3).minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for bx, by in __import__("data").batches:
        sess.run(train_op, {x: bx, y: by, is_training: True})
    print(sess.run(probs, {x: bx, is_training: False}))
