"""A module that other programs import: the graph of two networks and their train steps, with one list of updates."""
import tensorflow as tf

images = tf.placeholder(tf.float32, [None, 784], name="images")
noise = tf.placeholder(tf.float32, [None, 100], name="noise")
training = tf.placeholder(tf.bool, name="training")


def generate(z):
    with tf.variable_scope("gen"):
        hidden = tf.layers.dense(z, 256, use_bias=False)
        hidden = tf.nn.relu(tf.layers.batch_normalization(hidden, training=training))
        return tf.layers.dense(hidden, 784, activation=tf.nn.tanh)


def judge(x, reuse):
    with tf.variable_scope("disc", reuse=reuse):
        hidden = tf.layers.dense(x, 256, use_bias=False)
        hidden = tf.nn.leaky_relu(tf.layers.batch_normalization(hidden, training=training))
        return tf.layers.dense(hidden, 1)


fakes = generate(noise)
real = judge(images, reuse=False)
fake = judge(fakes, reuse=True)  # expect: SN401 likely
loss_disc = tf.reduce_mean(tf.square(real - 1)) + tf.reduce_mean(tf.square(fake))
loss_gen = tf.reduce_mean(tf.square(fake - 1))

update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
with tf.control_dependencies(update_ops):  # expect: SN403
    train_disc = tf.train.RMSPropOptimizer(5e-5).minimize(loss_disc, var_list=tf.trainable_variables("disc"))
    train_gen = tf.train.RMSPropOptimizer(5e-5).minimize(loss_gen, var_list=tf.trainable_variables("gen"))
