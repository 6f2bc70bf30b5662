import argparse

import tensorflow as tf

from cifar import train_batch, validation_batch


def batch_norm(x, name):
    with tf.variable_scope(name):
        channels = x.shape[-1]
        scale = tf.get_variable("scale", [channels], initializer=tf.ones_initializer())
        offset = tf.get_variable("offset", [channels], initializer=tf.zeros_initializer())
        out, _, _ = tf.nn.fused_batch_norm(x, scale, offset)  # expect: SN106 SN201
        return out


def conv(x, filters, name):
    with tf.variable_scope(name):
        kernel = tf.get_variable("kernel", [3, 3, x.shape[-1], filters], initializer=tf.glorot_uniform_initializer())
        return tf.nn.relu(batch_norm(tf.nn.conv2d(x, kernel, [1, 1, 1, 1], "SAME"), "bn"))


def main(args):
    x = tf.placeholder(tf.float32, [None, 32, 32, 3])
    y = tf.placeholder(tf.int32, [None])
    net = conv(x, 32, "conv1")
    net = tf.nn.max_pool(net, [1, 2, 2, 1], [1, 2, 2, 1], "SAME")
    net = conv(net, 64, "conv2")
    logits = tf.layers.dense(tf.reduce_mean(net, [1, 2]), 100)
    loss = tf.losses.sparse_softmax_cross_entropy(y, logits)
    step = tf.train.AdamOptimizer(args.learning_rate).minimize(loss)
    correct = tf.nn.in_top_k(logits, y, 5)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for i in range(args.steps):
            images, labels = train_batch(128)
            sess.run(step, {x: images, y: labels})
        val_images, val_labels = validation_batch()
        print(sess.run(correct, {x: val_images, y: val_labels}).mean())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--steps", type=int, default=50000)
    main(parser.parse_args())
