import tensorflow as tf
import tf_slim as slim

from pipeline import train_images, val_images


def lenet(images, is_training, reuse=None):
    with tf.compat.v1.variable_scope("lenet", reuse=reuse):
        with slim.arg_scope([slim.batch_norm], is_training=is_training, updates_collections=None, decay=0.95):
            net = slim.conv2d(images, 32, 5, normalizer_fn=slim.batch_norm, scope="conv1")
            net = slim.max_pool2d(net, 2)
            net = slim.conv2d(net, 64, 5, normalizer_fn=slim.batch_norm, scope="conv2")
            net = slim.flatten(net)
            return slim.fully_connected(net, 10, activation_fn=None, scope="logits")


def main():
    images, labels = train_images(64)
    loss = tf.compat.v1.losses.sparse_softmax_cross_entropy(labels, lenet(images, True))
    step = tf.compat.v1.train.AdamOptimizer(1e-3).minimize(loss)
    held_out, truth = val_images(100)
    prediction = tf.argmax(lenet(held_out, False, reuse=True), 1)
    correct = tf.reduce_mean(tf.cast(tf.equal(prediction, truth), tf.float32))
    with tf.compat.v1.Session() as sess:
        sess.run(tf.compat.v1.global_variables_initializer())
        for i in range(20000):
            sess.run(step)
            if i % 500 == 0:
                print(i, sess.run(correct))


if __name__ == "__main__":
    tf.compat.v1.disable_eager_execution()
    main()
