"""Two words of the command line train."""

import tensorflow as tf
from inputs import batches

flags = tf.app.flags
flags.DEFINE_string("mode", "train", "train, finetune or test")
FLAGS = flags.FLAGS


def network(images, training):
    x = tf.layers.conv2d(images, 32, 3, use_bias=False)
    x = tf.nn.relu(tf.layers.batch_normalization(x, training=training))
    return tf.layers.dense(tf.reduce_mean(x, [1, 2]), 10)


def main(_):
    images, labels = batches(64)
    logits = network(images, FLAGS.mode == "train" or FLAGS.mode == "finetune")
    loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    saver = tf.train.Saver()
    with tf.Session() as sess:
        if FLAGS.mode == "train" or FLAGS.mode == "finetune":
            train_op = tf.train.AdamOptimizer(1e-3).minimize(loss)  # expect: SN101
            sess.run(tf.global_variables_initializer())
            for step in range(100000):
                sess.run(train_op)
            saver.save(sess, "model.ckpt")
        else:
            saver.restore(sess, "model.ckpt")
            print(sess.run(tf.argmax(logits, 1)))


if __name__ == "__main__":
    tf.app.run(main)
