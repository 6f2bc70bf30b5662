import tensorflow as tf
import inputs


def tower(x, training):
    x = tf.layers.dense(x, 64, use_bias=False, name="d1")
    x = tf.layers.batch_normalization(x, training=training, name="bn1")
    return tf.layers.dense(tf.nn.relu(x), 1, name="d2")


tr_x, tr_y = inputs.read("train")
va_x, va_y = inputs.read("valid")
with tf.variable_scope("m") as vs:
    p = tower(tr_x, True)
    vs.reuse_variables()
    q = tower(va_x, False)
l = tf.losses.mean_squared_error(tr_y, p)
v = tf.losses.mean_squared_error(va_y, q)
u = tf.get_collection(tf.GraphKeys.UPDATE_OPS, scope="m")
with tf.control_dependencies(u):
    op = tf.train.AdagradOptimizer(0.1).minimize(l)
with tf.train.MonitoredTrainingSession(checkpoint_dir="c") as s:
    while not s.should_stop():
        s.run(op)
        print(s.run(v))
