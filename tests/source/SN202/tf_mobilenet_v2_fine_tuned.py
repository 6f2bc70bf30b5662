"""Fine-tuning of MobileNet V2, which is in inference mode unless it stands under its training scope."""

import tensorflow as tf
from nets.mobilenet import mobilenet_v2

from birds import load_batch

slim = tf.contrib.slim

CHECKPOINT = "mobilenet_v2_1.0_224.ckpt"


def get_init_fn():
    variables = slim.get_variables_to_restore(exclude=["MobilenetV2/Logits", "global_step"])
    return slim.assign_from_checkpoint_fn(CHECKPOINT, variables)


def run(log_dir, steps):
    with tf.Graph().as_default():
        images, labels = load_batch("train", batch_size=32)
        logits, _ = mobilenet_v2.mobilenet(images, num_classes=200)  # expect: SN202 likely
        loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
        train_op = slim.learning.create_train_op(loss, tf.train.AdamOptimizer(1e-4))
        slim.learning.train(train_op, log_dir, init_fn=get_init_fn(), number_of_steps=steps)


if __name__ == "__main__":
    run("birds", 50000)
