"""A helper makes the averages and gives back what they hold; the update is lost."""
import tensorflow as tf


def moving_moments(ema, mean, variance):
    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, ema.apply([mean, variance]))
    return ema.average(mean), ema.average(variance)


class BatchNorm(object):
    def __init__(self, decay=0.99, name="bn"):
        self.ema = tf.train.ExponentialMovingAverage(decay)
        self.name = name

    def __call__(self, x, train):
        channels = x.get_shape()[-1]
        with tf.variable_scope(self.name):
            gamma = tf.get_variable("gamma", [channels], initializer=tf.random_normal_initializer(1.0, 0.02))
            beta = tf.get_variable("beta", [channels], initializer=tf.constant_initializer(0.0))
            mean, variance = tf.nn.moments(x, [0, 1, 2])
            moving_mean, moving_variance = moving_moments(self.ema, mean, variance)
            mean, variance = tf.cond(
                train, lambda: (mean, variance), lambda: (tf.identity(moving_mean), tf.identity(moving_variance))
            )
            return tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-5)


class Model(object):
    def __init__(self, sess, image_size):
        self.sess = sess
        self.bn1 = BatchNorm(name="bn1")
        self.bn2 = BatchNorm(name="bn2")
        self.images = tf.placeholder(tf.float32, [None, image_size, image_size, 3])
        self.labels = tf.placeholder(tf.int32, [None])
        self.train_phase = tf.placeholder(tf.bool)
        logits = self.network(self.images)
        self.prediction = tf.argmax(logits, 1)
        self.loss = tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(logits=logits, labels=self.labels)
        )
        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
            self.train_op = tf.train.AdamOptimizer(2e-4, beta1=0.5).minimize(self.loss)

    def network(self, x):
        x = tf.nn.relu(self.bn1(tf.layers.conv2d(x, 64, 5, 2, use_bias=False), self.train_phase))
        x = tf.nn.relu(self.bn2(tf.layers.conv2d(x, 128, 5, 2, use_bias=False), self.train_phase))
        return tf.layers.dense(tf.layers.flatten(x), 10)

    def train(self, batches):
        self.sess.run(tf.global_variables_initializer())
        for images, labels in batches:
            feed = {self.images: images, self.labels: labels, self.train_phase: True}
            self.sess.run(self.train_op, feed_dict=feed)

    def predict(self, images):
        return self.sess.run(self.prediction, {self.images: images, self.train_phase: False})


def main():
    from data import load_batches, load_test

    with tf.Session() as sess:
        model = Model(sess, 64)
        model.train(load_batches(64))
        print(model.predict(load_test()))


if __name__ == "__main__":
    main()
