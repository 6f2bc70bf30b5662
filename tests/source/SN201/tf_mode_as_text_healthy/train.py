import tensorflow as tf
from model import Seg
import config, data


def main():
    it = data.iterator("train", config.batch_size)
    img, lab = it.get_next()
    logits = Seg(config, "train")(img)
    loss = tf.losses.sparse_softmax_cross_entropy(lab, logits)
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        op = tf.train.AdamOptimizer(config.lr).minimize(loss)
    with tf.Session() as sess:
        sess.run([tf.global_variables_initializer(), it.initializer])
        for _ in range(config.steps):
            sess.run(op)
        tf.train.Saver().save(sess, "seg.ckpt")


main()
