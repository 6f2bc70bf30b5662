"""As slim's deployment does: the updates and the step in one tensor."""
import tensorflow as tf
from tensorflow.python.ops import control_flow_ops

from inputs import queue


def tower(images, labels):
    with tf.variable_scope("tower"):
        x = tf.contrib.layers.conv2d(
            images, 32, 3, normalizer_fn=tf.contrib.layers.batch_norm, normalizer_params={"is_training": True}
        )
        x = tf.reduce_mean(x, [1, 2])
        logits = tf.contrib.layers.fully_connected(x, 5, activation_fn=None)
    return tf.losses.sparse_softmax_cross_entropy(labels, logits)


def main():
    images, labels = queue(128)
    total_loss = tower(images, labels)
    optimizer = tf.train.AdamOptimizer(0.001)
    update_ops = set(tf.get_collection(tf.GraphKeys.UPDATE_OPS))
    grads = optimizer.compute_gradients(total_loss)
    update_ops.add(optimizer.apply_gradients(grads))
    update_op = tf.group(*update_ops)
    train_tensor = control_flow_ops.with_dependencies([update_op], total_loss, name="train_op")
    with tf.train.MonitoredTrainingSession(checkpoint_dir="/tmp/model") as sess:
        while not sess.should_stop():
            sess.run(train_tensor)


main()
