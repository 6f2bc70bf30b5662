import tensorflow as tf

import nets
from birds import pipeline


def run():
    iterator = pipeline("train", 32)
    images, labels = iterator.get_next()
    with tf.variable_scope("net"):
        logits = nets.Small(images, True).logits(200)
    loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        step = tf.train.AdamOptimizer(1e-3).minimize(loss)
    images, labels = pipeline("test", 32).get_next()
    with tf.variable_scope("net", reuse=True):
        test_logits = nets.Small(images, False).logits(200)
    hits = tf.nn.in_top_k(test_logits, labels, 1)
    with tf.Session() as sess:
        sess.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
        for i in range(20000):
            sess.run(step)
        print(sess.run(hits))


if __name__ == "__main__":
    run()
