import tensorflow as tf
import sys, data

flags = tf.app.flags
flags.DEFINE_boolean("is_training", True, "train or test")
FLAGS = flags.FLAGS


def model(x):
    x = tf.layers.conv2d(x, 32, 3, use_bias=False)
    x = tf.layers.batch_normalization(x, training=FLAGS.is_training)
    return tf.layers.dense(tf.layers.flatten(tf.nn.relu(x)), 10)


def main(_):
    x = tf.placeholder(tf.float32, [None, 28, 28, 1])
    y = tf.placeholder(tf.int32, [None])
    logits = model(x)
    if FLAGS.is_training:
        loss = tf.losses.sparse_softmax_cross_entropy(y, logits)
        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
            op = tf.train.AdamOptimizer().minimize(loss)
        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            for a, b in data.train():
                sess.run(op, {x: a, y: b})
            tf.train.Saver().save(sess, "m")
    else:
        with tf.Session() as sess:
            tf.train.Saver().restore(sess, "m")
            print(sess.run(logits, {x: data.test()}))


tf.app.run()
