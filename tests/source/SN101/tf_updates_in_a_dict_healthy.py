import tensorflow as tf
import inputs


def model(x, t):
    h = tf.layers.batch_normalization(tf.layers.dense(x, 8, use_bias=False), training=t)
    return tf.layers.dense(tf.nn.relu(h), 1)


def train_spec(inputs_, labels):
    t = tf.placeholder(tf.bool)
    spec = {"is_training": t}
    out = model(inputs_, t)
    spec["loss"] = tf.losses.mean_squared_error(labels, out)
    spec["train_op"] = tf.train.AdamOptimizer().minimize(spec["loss"])
    spec["updates"] = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    return spec


x, y = inputs.pipe()
spec = train_spec(x, y)
with tf.Session() as s:
    s.run(tf.global_variables_initializer())
    for i in range(1000):
        _, _, l = s.run([spec["train_op"], spec["updates"], spec["loss"]], {spec["is_training"]: True})
