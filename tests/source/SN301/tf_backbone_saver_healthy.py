"""The partial saver only reads what a pre-training wrote; another one saves everything."""
import tensorflow as tf

from data import batches


def main():
    x = tf.placeholder(tf.float32, [None, 64, 64, 3])
    y = tf.placeholder(tf.int64, [None])
    training = tf.placeholder(tf.bool)
    with tf.variable_scope("backbone"):
        net = tf.layers.conv2d(x, 32, 3, 2, use_bias=False)
        net = tf.nn.relu(tf.layers.batch_normalization(net, training=training))
    logits = tf.layers.dense(tf.reduce_mean(net, [1, 2]), 10)
    loss = tf.losses.sparse_softmax_cross_entropy(y, logits)
    backbone = [v for v in tf.global_variables() if v.op.name.startswith("backbone")]
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        step = tf.train.AdamOptimizer().minimize(loss)
    loader = tf.train.Saver(backbone)
    saver = tf.train.Saver()
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        loader.restore(sess, "pretrained/backbone")
        for images, labels in batches(64):
            sess.run(step, {x: images, y: labels, training: True})
        saver.save(sess, "out/model")


main()
