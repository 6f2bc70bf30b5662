import tensorflow as tf
import numpy as np
import logging
from tf_unet import image_util, util


def conv_bn_relu(x, ch, is_train, name):
    with tf.variable_scope(name):
        x = tf.layers.conv2d(x, ch, 3, padding="same", activation=None, use_bias=False, name="conv")
        x = tf.layers.batch_normalization(x, training=is_train, name="bn")
        return tf.nn.relu(x)


class Unet(object):
    def __init__(self, channels=3, n_class=2, cost="cross_entropy", cost_kwargs={}, **kwargs):
        tf.reset_default_graph()
        self.n_class = n_class
        self.summaries = kwargs.get("summaries", True)
        self.x = tf.placeholder("float", shape=[None, None, None, channels])
        self.y = tf.placeholder("float", shape=[None, None, None, n_class])
        self.is_train = tf.placeholder(tf.bool)
        net = conv_bn_relu(self.x, 16, self.is_train, "down")
        logits = tf.layers.conv2d(net, n_class, 1)
        self.variables = tf.trainable_variables()
        self.cost = self._get_cost(logits, cost, cost_kwargs)
        self.predicter = tf.nn.softmax(logits)

    def _get_cost(self, logits, cost_name, cost_kwargs):
        flat_logits = tf.reshape(logits, [-1, self.n_class])
        flat_labels = tf.reshape(self.y, [-1, self.n_class])
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(logits=flat_logits, labels=flat_labels))

    def predict(self, model_path, x_test):
        init = tf.global_variables_initializer()
        with tf.Session() as sess:
            sess.run(init)
            self.restore(sess, model_path)
            y_dummy = np.empty((x_test.shape[0], x_test.shape[1], x_test.shape[2], self.n_class))
            return sess.run(self.predicter, feed_dict={self.x: x_test, self.y: y_dummy, self.is_train: False})

    def save(self, sess, model_path):
        saver = tf.train.Saver()
        return saver.save(sess, model_path)

    def restore(self, sess, model_path):
        saver = tf.train.Saver()
        saver.restore(sess, model_path)


class Trainer(object):
    def __init__(self, net, batch_size=16, optimizer="momentum", opt_kwargs={}):
        self.net = net
        self.batch_size = batch_size

    def _get_optimizer(self, training_iters, global_step):
        update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        with tf.control_dependencies(update_ops):
            return tf.train.MomentumOptimizer(learning_rate=0.2, momentum=0.9).minimize(
                self.net.cost, global_step=global_step
            )

    def _initialize(self, training_iters):
        global_step = tf.Variable(0)
        self.optimizer = self._get_optimizer(training_iters, global_step)
        return tf.global_variables_initializer()

    def train(self, data_provider, output_path, training_iters=10, epochs=100, restore=False):
        init = self._initialize(training_iters)
        with tf.Session() as sess:
            sess.run(init)
            if restore:
                ckpt = tf.train.get_checkpoint_state(output_path)
                if ckpt and ckpt.model_checkpoint_path:
                    self.net.restore(sess, ckpt.model_checkpoint_path)
            test_x, test_y = data_provider(4)
            for epoch in range(epochs):
                for step in range((epoch * training_iters), ((epoch + 1) * training_iters)):
                    batch_x, batch_y = data_provider(self.batch_size)
                    _, loss = sess.run(
                        (self.optimizer, self.net.cost),
                        feed_dict={self.net.x: batch_x, self.net.y: batch_y, self.net.is_train: True},
                    )
                self.net.save(sess, output_path)


if __name__ == "__main__":
    net = Unet(channels=1, n_class=2)
    trainer = Trainer(net)
    trainer.train(image_util.ImageDataProvider("*.tif"), "./out")
