"""The collection is read, and nothing depends on it."""
import tensorflow as tf

from reader import batches, held_out


def network(inputs, phase):
    with tf.variable_scope("network", reuse=tf.AUTO_REUSE):
        x = tf.layers.conv1d(inputs, 32, 9, strides=2, padding="same", use_bias=False)
        x = tf.layers.batch_normalization(x, training=phase)
        x = tf.nn.elu(x)
        x = tf.layers.flatten(x)
        return tf.layers.dense(x, 4)


signal = tf.placeholder(tf.float32, [None, 1024, 1], name="signal")
label = tf.placeholder(tf.int32, [None], name="label")
phase = tf.placeholder(tf.bool, name="phase")

logits = network(signal, phase)
cost = tf.losses.sparse_softmax_cross_entropy(label, logits)
update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
optimizer = tf.train.GradientDescentOptimizer(0.01)
step = optimizer.minimize(cost)

init = tf.global_variables_initializer()
saver = tf.train.Saver()
with tf.Session() as sess:
    sess.run(init)
    for number, (data, target) in enumerate(batches(32)):
        _, _, value = sess.run([step, update_ops, cost], feed_dict={signal: data, label: target, phase: True})
        if number % 100 == 0:
            data, target = held_out()
            print(value, sess.run(cost, feed_dict={signal: data, label: target, phase: False}))
    saver.save(sess, "ecg.ckpt")
