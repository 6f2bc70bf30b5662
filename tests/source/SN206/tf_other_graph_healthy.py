"""Two graphs, and the checkpoint between them."""
import tensorflow as tf

from data import inputs


def inference(images, training):
    net = tf.layers.conv2d(images, 32, 3, strides=2, use_bias=False)
    net = tf.nn.relu(tf.layers.batch_normalization(net, training=training))
    return tf.layers.dense(tf.reduce_mean(net, [1, 2]), 10)


def train(steps):
    with tf.Graph().as_default(), tf.Session() as sess:
        images, labels = inputs("train", 64)
        loss = tf.losses.sparse_softmax_cross_entropy(labels, inference(images, True))
        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
            step = tf.train.AdamOptimizer().minimize(loss)
        sess.run(tf.global_variables_initializer())
        for _ in range(steps):
            sess.run(step)
        return tf.train.Saver().save(sess, "model/ckpt")


def evaluate(path):
    with tf.Graph().as_default(), tf.Session() as sess:
        images, labels = inputs("test", 64)
        correct = tf.nn.in_top_k(inference(images, False), labels, 1)
        tf.train.Saver().restore(sess, path)
        return sess.run(correct).mean()


if __name__ == "__main__":
    print(evaluate(train(20000)))
