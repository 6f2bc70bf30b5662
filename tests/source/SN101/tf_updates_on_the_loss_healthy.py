import tensorflow as tf

from inputs import feed, test_feed

x = tf.placeholder(tf.float32, [None, 40])
y = tf.placeholder(tf.float32, [None, 1])
phase = tf.placeholder(tf.bool)

h = tf.contrib.layers.fully_connected(x, 100, activation_fn=None, biases_initializer=None)
h = tf.contrib.layers.batch_norm(h, center=True, scale=True, is_training=phase, decay=0.99)
h = tf.nn.relu(h)
out = tf.contrib.layers.fully_connected(h, 1, activation_fn=None)
loss = tf.reduce_mean(tf.square(out - y))

update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
if update_ops:
    updates = tf.group(*update_ops)
    with tf.control_dependencies([updates]):
        loss = tf.identity(loss)

train_op = tf.train.AdamOptimizer(0.01).minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for i in range(5000):
        a, b = feed(100)
        sess.run([train_op, loss], {x: a, y: b, phase: True})
    a, b = test_feed()
    print(sess.run(out, {x: a, phase: False}))
