import tensorflow as tf
import inp

x, y = inp.train(32)
h = tf.layers.batch_normalization(tf.layers.dense(x, 10, use_bias=False), training=True)
l = tf.losses.mean_squared_error(y, tf.layers.dense(tf.nn.relu(h), 1))
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    op = tf.train.AdamOptimizer().minimize(l)
saver = tf.train.Saver()


def load(sess):
    ckpt = tf.train.get_checkpoint_state("c")
    if ckpt and ckpt.model_checkpoint_path:
        saver.restore(sess, ckpt.model_checkpoint_path)
        return True
    return False


with tf.Session() as sess:
    if not load(sess):
        sess.run(tf.global_variables_initializer())
    for _ in range(10000):
        sess.run(op)
    saver.save(sess, "c/m")
