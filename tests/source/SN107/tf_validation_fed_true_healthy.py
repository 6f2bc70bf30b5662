import numpy as np
import tensorflow as tf
from tensorflow.contrib.layers import batch_norm, conv2d, flatten, fully_connected

from loader import Dataset


def network(x, is_training):
    params = {"is_training": is_training, "updates_collections": None, "decay": 0.9}
    net = conv2d(x, 32, 3, normalizer_fn=batch_norm, normalizer_params=params)
    net = conv2d(net, 32, 3, stride=2, normalizer_fn=batch_norm, normalizer_params=params)
    return fully_connected(flatten(net), 2, activation_fn=None)


def evaluate(sess, loss, x, y, is_training, dataset):
    losses = []
    for images, labels in dataset.batches(32):
        losses.append(sess.run(loss, {x: images, y: labels, is_training: False}))
    return np.mean(losses)


def main():
    x = tf.placeholder(tf.float32, [None, 64, 64, 3])
    y = tf.placeholder(tf.int32, [None])
    is_training = tf.placeholder(tf.bool)
    logits = network(x, is_training)
    loss = tf.losses.sparse_softmax_cross_entropy(y, logits)
    step = tf.train.AdamOptimizer().minimize(loss)
    train_set, validation_set = Dataset("train"), Dataset("validation")
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for epoch in range(30):
            for images, labels in train_set.batches(32):
                sess.run(step, {x: images, y: labels, is_training: True})
            print(epoch, evaluate(sess, loss, x, y, is_training, validation_set))


if __name__ == "__main__":
    main()
