import tensorflow as tf

from pipeline import iterator


class Autoencoder(object):
    def __init__(self, images, training):
        self.training = training
        with tf.variable_scope("encoder"):
            x = self.conv(images, 32)
            code = self.conv(x, 64)
        with tf.variable_scope("decoder"):
            x = self.deconv(code, 32)
            self.output = tf.layers.conv2d_transpose(x, 3, 3, 2, padding="same")
        self.loss = tf.losses.mean_squared_error(images, self.output)

    def conv(self, x, filters):
        x = tf.layers.conv2d(x, filters, 3, 2, padding="same", use_bias=False)
        return tf.nn.relu(tf.layers.batch_normalization(x, training=self.training))

    def deconv(self, x, filters):
        x = tf.layers.conv2d_transpose(x, filters, 3, 2, padding="same", use_bias=False)
        return tf.nn.relu(tf.layers.batch_normalization(x, training=self.training))


def main():
    training = tf.placeholder_with_default(False, [])
    images = iterator(128).get_next()
    model = Autoencoder(images, training)
    update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS, scope="encoder")  # expect: SN102
    with tf.control_dependencies(update_ops):
        train_op = tf.train.AdamOptimizer().minimize(model.loss)
    with tf.train.MonitoredTrainingSession() as sess:
        while not sess.should_stop():
            sess.run(train_op, {training: True})


if __name__ == "__main__":
    main()
