import tensorflow as tf

from data import batches


def linear(x, size, scope):
    with tf.variable_scope(scope):
        matrix = tf.get_variable("w", [x.get_shape()[-1], size], initializer=tf.random_normal_initializer(stddev=0.02))
        bias = tf.get_variable("b", [size], initializer=tf.constant_initializer(0.0))
        return tf.nn.bias_add(tf.matmul(x, matrix), bias)


z = tf.placeholder(tf.float32, [None, 100])
image = tf.placeholder(tf.float32, [None, 16, 16, 1])
training = tf.placeholder(tf.bool)
net = tf.nn.relu(linear(z, 256, "project"))
net = tf.reshape(net, [-1, 1, 1, 256])
net = tf.nn.relu(tf.layers.batch_normalization(net, training=training))
output = tf.layers.conv2d_transpose(net, 1, 16, 16)
loss = tf.losses.mean_squared_error(image, output)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.AdamOptimizer().minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for a, b in batches(64):
        sess.run(step, {z: a, image: b, training: True})
