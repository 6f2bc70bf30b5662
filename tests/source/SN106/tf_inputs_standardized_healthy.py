import tensorflow as tf
import inputs

x, y = inputs.pipe()
mean, var = tf.nn.moments(x, [0])
x = (x - mean) / tf.sqrt(var + 1e-8)
o = tf.layers.dense(tf.layers.dense(x, 10, tf.nn.relu), 1)
l = tf.losses.mean_squared_error(y, o)
op = tf.train.AdamOptimizer().minimize(l)
with tf.Session() as s:
    s.run(tf.global_variables_initializer())
    for _ in range(100):
        s.run(op)
