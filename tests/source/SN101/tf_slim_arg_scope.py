import tensorflow as tf
import tensorflow.contrib.slim as slim

import dataset

FLAGS = tf.app.flags.FLAGS
tf.app.flags.DEFINE_string("train_dir", "/tmp/train", "Where to write checkpoints.")
tf.app.flags.DEFINE_integer("batch_size", 32, "Images per step.")
tf.app.flags.DEFINE_integer("max_steps", 100000, "Steps.")


def arg_scope(is_training, weight_decay=0.0004):
    params = {"is_training": is_training, "decay": 0.997, "epsilon": 0.001}
    with slim.arg_scope(
        [slim.conv2d, slim.fully_connected],
        weights_regularizer=slim.l2_regularizer(weight_decay),
        normalizer_fn=slim.batch_norm,
        normalizer_params=params,
    ) as scope:
        return scope


def net(images, num_classes):
    x = slim.conv2d(images, 32, [3, 3], stride=2, scope="conv1")
    x = slim.conv2d(x, 64, [3, 3], stride=2, scope="conv2")
    x = slim.flatten(x)
    x = slim.fully_connected(x, 256, scope="fc1")
    return slim.fully_connected(x, num_classes, activation_fn=None, normalizer_fn=None, scope="logits")


def main(_):
    images, labels = dataset.train_batch(FLAGS.batch_size)
    with slim.arg_scope(arg_scope(is_training=True)):
        logits = net(images, 10)
    tf.losses.sparse_softmax_cross_entropy(labels, logits)
    loss = tf.losses.get_total_loss()
    optimizer = tf.train.RMSPropOptimizer(0.01)
    train_op = optimizer.minimize(loss, global_step=tf.train.get_or_create_global_step())  # expect: SN101
    saver = tf.train.Saver()
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for step in range(FLAGS.max_steps):
            _, value = sess.run([train_op, loss])
            if step % 1000 == 0:
                print(step, value)
                saver.save(sess, FLAGS.train_dir + "/model.ckpt", step)


if __name__ == "__main__":
    tf.app.run()
