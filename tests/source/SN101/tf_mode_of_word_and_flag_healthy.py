"""Training may keep the statistics, if the command line says so."""

import tensorflow as tf
from inputs import batches

flags = tf.app.flags
flags.DEFINE_string("mode", "train", "train, finetune or test")
flags.DEFINE_boolean("freeze_bn", False, "keep statistics")
FLAGS = flags.FLAGS


def network(images, training):
    x = tf.layers.conv2d(images, 32, 3, use_bias=False)
    x = tf.nn.relu(tf.layers.batch_normalization(x, training=training))
    return tf.layers.dense(tf.reduce_mean(x, [1, 2]), 10)


def main(_):
    images, labels = batches(64)
    logits = network(images, FLAGS.mode == "train" and not FLAGS.freeze_bn)
    loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    saver = tf.train.Saver()
    with tf.Session() as sess:
        if FLAGS.mode == "train":
            with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
                train_op = tf.train.AdamOptimizer(1e-3).minimize(loss)
            sess.run(tf.global_variables_initializer())
            for step in range(100000):
                sess.run(train_op)
            saver.save(sess, "model.ckpt")
        else:
            saver.restore(sess, "model.ckpt")
            print(sess.run(tf.argmax(logits, 1)))


if __name__ == "__main__":
    tf.app.run(main)
