import tensorflow as tf
import inputs


def ln(x):
    m, v = tf.nn.moments(x, [-1], keep_dims=True)
    g = tf.get_variable("g", [x.shape[-1]])
    b = tf.get_variable("b", [x.shape[-1]])
    return (x - m) * tf.rsqrt(v + 1e-6) * g + b


def gn(x, G=8):
    N, H, W, C = x.get_shape().as_list()
    x = tf.reshape(x, [-1, H, W, G, C // G])
    mean, var = tf.nn.moments(x, [1, 2, 4], keep_dims=True)
    return tf.reshape((x - mean) / tf.sqrt(var + 1e-5), [-1, H, W, C])


x, y = inputs.pipe()
with tf.variable_scope("l"):
    h = ln(tf.layers.dense(x, 10))
h2 = gn(tf.layers.conv2d(inputs.img(), 16, 3))
l = tf.losses.mean_squared_error(y, tf.layers.dense(h, 1)) + tf.reduce_mean(h2)
op = tf.train.AdamOptimizer().minimize(l)
with tf.Session() as s:
    s.run(tf.global_variables_initializer())
    s.run(op)
