import numpy as np
import tensorflow as tf

from cifar import load
from model import ResNet


def train():
    images = tf.placeholder(tf.float32, [None, 32, 32, 3])
    labels = tf.placeholder(tf.int64, [None])
    is_training = tf.placeholder_with_default(False, [], name="is_training")
    net = ResNet(images, labels, 10, is_training)

    lr = tf.placeholder(tf.float32)
    train_step = tf.train.MomentumOptimizer(lr, 0.9, use_nesterov=True).minimize(net.cost)  # expect: SN101

    (x_train, y_train), (x_test, y_test) = load()
    saver = tf.train.Saver(max_to_keep=3)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for epoch in range(160):
            order = np.random.permutation(len(x_train))
            for start in range(0, len(order), 128):
                rows = order[start : start + 128]
                sess.run(
                    train_step,
                    {images: x_train[rows], labels: y_train[rows], is_training: True, lr: 0.1},
                )
            print(sess.run(net.accuracy, {images: x_test, labels: y_test}))
            saver.save(sess, "checkpoints/resnet", epoch)


if __name__ == "__main__":
    train()
