import tensorflow as tf

from control import batches

x = tf.placeholder(tf.float32, [None, 12])
y = tf.placeholder(tf.float32, [None, 1])
training = tf.placeholder(tf.bool)
net = tf.layers.dense(x, 64, use_bias=False)
net = tf.layers.batch_normalization(net, training=training)
net = tf.nn.relu(net)
loss = tf.losses.mean_squared_error(y, tf.layers.dense(net, 1))
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer().minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for a, b in batches(64):
        sess.run(step, {x: a, y: b, training: True})
