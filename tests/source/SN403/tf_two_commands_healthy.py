"""Two networks that are trained by the same lines, whichever of them the command line asks for."""
import tensorflow as tf

from digits import batches

tf.flags.DEFINE_string("command", "teacher", "what to train")
tf.flags.DEFINE_boolean("short", False, "whether to train the probe alone")
FLAGS = tf.flags.FLAGS


def train(name, units, rate=1e-3):
    x = tf.placeholder(tf.float32, [None, 64], name=name + "_x")
    y = tf.placeholder(tf.int32, [None], name=name + "_y")
    with tf.variable_scope(name):
        h = tf.layers.dense(x, units, use_bias=False)
        h = tf.nn.relu(tf.layers.batch_normalization(h, training=True))
        loss = tf.losses.sparse_softmax_cross_entropy(y, tf.layers.dense(h, 10))
        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
            step = tf.train.AdamOptimizer(rate).minimize(loss, var_list=tf.trainable_variables(name))
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for images, labels in batches(64):
            sess.run(step, {x: images, y: labels})
        tf.train.Saver(tf.global_variables(name)).save(sess, name)


def teacher():
    train("teacher", 256)


def student():
    train("student", 32, 1e-4)


def probe():
    train("probe", 8)


COMMANDS = {"teacher": teacher, "student": student}


def main(_):
    if FLAGS.short:
        probe()
        return
    COMMANDS[FLAGS.command]()


if __name__ == "__main__":
    tf.app.run()
