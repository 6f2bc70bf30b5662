import tensorflow as tf
import tensorflow.contrib.slim as slim
from cifar import batch


def net(x, training, scope, width):
    with tf.variable_scope(scope):
        with slim.arg_scope([slim.batch_norm], is_training=training, decay=0.95, scale=True):
            h = slim.conv2d(x, width, 3, normalizer_fn=slim.batch_norm)
            h = slim.conv2d(h, width, 3, stride=2, normalizer_fn=slim.batch_norm)
        return slim.fully_connected(slim.flatten(h), 10, activation_fn=None)


x, y = batch("train", 128)
t = net(x, False, "teacher", 64)
s = net(x, True, "student", 16)
kd = tf.reduce_mean(tf.square(tf.nn.softmax(t) - tf.nn.softmax(s)))
loss = kd + tf.losses.sparse_softmax_cross_entropy(y, s)
op = slim.learning.create_train_op(
    loss, tf.train.AdamOptimizer(), variables_to_train=slim.get_trainable_variables("student")
)
saver_t = tf.train.Saver(slim.get_model_variables("teacher"))
slim.learning.train(op, "log", init_fn=lambda sess: saver_t.restore(sess, "teacher.ckpt"), number_of_steps=10000)
