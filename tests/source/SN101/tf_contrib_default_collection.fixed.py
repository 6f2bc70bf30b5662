import argparse

import tensorflow as tf
from tensorflow.contrib import layers

from cifar10_input import distorted_inputs, inputs


def inference(images, is_training, reuse=None):
    norm = dict(is_training=is_training, scale=True, decay=0.9)
    with tf.variable_scope("net", reuse=reuse):
        net = layers.conv2d(images, 64, 3, normalizer_fn=layers.batch_norm, normalizer_params=norm)
        net = layers.max_pool2d(net, 2)
        net = layers.conv2d(net, 128, 3, normalizer_fn=layers.batch_norm, normalizer_params=norm)
        net = tf.reduce_mean(net, [1, 2])
        return layers.fully_connected(net, 10, activation_fn=None)


def main(args):
    images, labels = distorted_inputs(args.data, args.batch_size)
    logits = inference(images, is_training=True)
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(logits=logits, labels=labels))

    eval_images, eval_labels = inputs(args.data, args.batch_size)
    eval_logits = inference(eval_images, is_training=False, reuse=True)
    correct = tf.nn.in_top_k(eval_logits, eval_labels, 1)

    global_step = tf.train.get_or_create_global_step()
    opt = tf.train.MomentumOptimizer(args.lr, 0.9)
    grads = opt.compute_gradients(loss)
    update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    with tf.control_dependencies(update_ops):
        train_op = opt.apply_gradients(grads, global_step=global_step)  # expect: SN101

    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        tf.train.start_queue_runners(sess)
        for step in range(args.steps):
            sess.run(train_op)
            if step % 1000 == 0:
                print(step, sess.run(correct).mean())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="cifar10")
    parser.add_argument("--batch_size", type=int, default=128)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--steps", type=int, default=60000)
    main(parser.parse_args())
