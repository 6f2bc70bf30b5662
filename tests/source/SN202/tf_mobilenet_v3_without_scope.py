"""MobileNet V3 is trained from scratch, without the scope that puts it into training mode."""

import tensorflow.compat.v1 as tf
from nets.mobilenet import mobilenet_v3

from scenes import training_batches

tf.disable_v2_behavior()


def build(images, labels):
    logits, _ = mobilenet_v3.large(images, num_classes=67)  # expect: SN202
    loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    optimizer = tf.train.RMSPropOptimizer(0.01, decay=0.9, momentum=0.9)
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        return loss, optimizer.minimize(loss, tf.train.get_or_create_global_step())


def main(_):
    images = tf.placeholder(tf.float32, [None, 224, 224, 3], "images")
    labels = tf.placeholder(tf.int32, [None], "labels")
    loss, train_op = build(images, labels)
    saver = tf.train.Saver(max_to_keep=2)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for step, (x, y) in enumerate(training_batches(64)):
            _, value = sess.run([train_op, loss], {images: x, labels: y})
            if step % 1000 == 0:
                print(step, value)
                saver.save(sess, "scenes/model", step)


if __name__ == "__main__":
    tf.app.run()
