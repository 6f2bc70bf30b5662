import tensorflow as tf
import tensorflow.contrib.slim as slim

import svhn
import synthetic


def encoder(images, reuse=None):
    params = {"is_training": True, "updates_collections": None, "decay": 0.99}
    with tf.variable_scope("encoder", reuse=reuse):
        with slim.arg_scope([slim.conv2d], normalizer_fn=slim.batch_norm, normalizer_params=params):
            net = slim.conv2d(images, 32, 5, stride=2, scope="conv1")
            net = slim.conv2d(net, 64, 5, stride=2, scope="conv2")
        return tf.reduce_mean(net, [1, 2])


def main():
    source_images, labels = synthetic.batch(64)
    target_images = svhn.unlabelled(64)
    source = encoder(source_images)
    target = encoder(target_images, reuse=True)  # expect: SN401 likely
    logits = slim.fully_connected(source, 10, activation_fn=None)
    classification = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    distance = tf.reduce_mean(tf.square(tf.reduce_mean(source, 0) - tf.reduce_mean(target, 0)))
    step = tf.train.AdamOptimizer(1e-3).minimize(classification + 0.1 * distance)
    with tf.train.MonitoredTrainingSession(checkpoint_dir="out") as sess:
        while not sess.should_stop():
            sess.run(step)


if __name__ == "__main__":
    main()
