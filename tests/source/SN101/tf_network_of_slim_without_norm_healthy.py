"""Fine-tuning of VGG, which has no statistics."""

import tensorflow as tf
from tensorflow.contrib import slim
from tensorflow.contrib.slim.nets import vgg

from flowers import batches

EXCLUDED = ["vgg_16/fc8"]


def network(images, classes, is_training, reuse=None):
    with slim.arg_scope(vgg.vgg_arg_scope()):
        logits, _ = vgg.vgg_16(images, classes, is_training=is_training)
    return tf.squeeze(logits, [1, 2])


def main():
    images = tf.placeholder(tf.float32, [None, 224, 224, 3])
    labels = tf.placeholder(tf.int64, [None])
    phase = tf.placeholder(tf.bool)
    logits = network(images, 5, phase)
    loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    train_op = tf.train.AdamOptimizer(1e-4).minimize(loss)
    load = slim.assign_from_checkpoint_fn("vgg_16.ckpt", slim.get_variables_to_restore(exclude=EXCLUDED))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        load(session)
        for step, (pixels, classes) in enumerate(batches("train")):
            session.run(train_op, {images: pixels, labels: classes, phase: True})
            if step % 100 == 0:
                pixels, classes = next(batches("validation"))
                print(step, session.run(loss, {images: pixels, labels: classes, phase: False}))


if __name__ == "__main__":
    main()
