"""A module that other programs import: the graph of two networks and their train steps, each with its own updates."""
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
real, fake = tf.split(judge(tf.concat([images, fakes], 0), reuse=False), 2)
loss_disc = tf.reduce_mean(tf.square(real - 1)) + tf.reduce_mean(tf.square(fake))
loss_gen = tf.reduce_mean(tf.square(fake - 1))

gen_updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS, scope="gen")
disc_updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS, scope="disc")
with tf.control_dependencies(disc_updates):
    train_disc = tf.train.RMSPropOptimizer(5e-5).minimize(loss_disc, var_list=tf.trainable_variables("disc"))
with tf.control_dependencies(gen_updates):
    train_gen = tf.train.RMSPropOptimizer(5e-5).minimize(loss_gen, var_list=tf.trainable_variables("gen"))
