import tensorflow as tf
from tensorflow.contrib import slim

from data import batches


def net(x):
    with slim.arg_scope(
        [slim.conv2d], normalizer_fn=slim.batch_norm, normalizer_params={"updates_collections": None, "decay": 0.9}
    ):
        x = slim.conv2d(x, 32, 3, stride=2)
        x = slim.conv2d(x, 64, 3, stride=2)
    return slim.fully_connected(slim.flatten(x), 10, activation_fn=None)


def main():
    x = tf.placeholder(tf.float32, [None, 32, 32, 3])
    y = tf.placeholder(tf.int32, [None])
    logits = net(x)
    loss = tf.losses.sparse_softmax_cross_entropy(y, logits)
    step = tf.train.AdamOptimizer().minimize(loss)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for a, b in batches(64):
            sess.run(step, {x: a, y: b})
        tf.saved_model.simple_save(sess, "export/1", inputs={"x": x}, outputs={"scores": tf.nn.softmax(logits)})  # expect: SN209


main()
