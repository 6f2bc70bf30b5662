"""Fine-tuning of MobileNet V2; the validation graph is built under the scope of the training, too."""

import tensorflow as tf
from nets.mobilenet import mobilenet_v2

from flowers import get_batches

slim = tf.contrib.slim
CHECKPOINT = "mobilenet_v2_1.0_224.ckpt"


def logits_of(images, reuse=None):
    with slim.arg_scope(mobilenet_v2.training_scope()):  # expect: SN201
        logits, _ = mobilenet_v2.mobilenet(images, num_classes=5, reuse=reuse)
    return logits


def main():
    images, labels = get_batches("train", 32)
    loss = tf.losses.sparse_softmax_cross_entropy(labels, logits_of(images))
    update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    with tf.control_dependencies(update_ops):
        train_op = tf.train.RMSPropOptimizer(1e-4).minimize(loss)

    val_images, val_labels = get_batches("validation", 32)
    predicted = tf.argmax(logits_of(val_images, reuse=True), 1)
    accuracy = tf.reduce_mean(tf.cast(tf.equal(predicted, val_labels), tf.float32))

    variables = slim.get_variables_to_restore(exclude=["MobilenetV2/Logits"])
    init_fn = slim.assign_from_checkpoint_fn(CHECKPOINT, variables)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        init_fn(sess)
        for step in range(5000):
            sess.run(train_op)
            if step % 500 == 0:
                print(step, sess.run(accuracy))


if __name__ == "__main__":
    main()
