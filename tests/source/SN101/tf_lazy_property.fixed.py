import functools
import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data


def doublewrap(function):
    @functools.wraps(function)
    def decorator(*args, **kwargs):
        if len(args) == 1 and len(kwargs) == 0 and callable(args[0]):
            return function(args[0])
        return lambda wrapee: function(wrapee, *args, **kwargs)

    return decorator


def define_scope(function):
    attribute = "_cache_" + function.__name__
    name = function.__name__

    @property
    @functools.wraps(function)
    def decorator(self):
        if not hasattr(self, attribute):
            with tf.variable_scope(name):
                setattr(self, attribute, function(self))
        return getattr(self, attribute)

    return decorator


class Model:
    def __init__(self, image, label, training):
        self.image = image
        self.label = label
        self.training = training
        self.prediction
        self.optimize
        self.error

    @define_scope
    def prediction(self):
        x = tf.layers.dense(self.image, 200, use_bias=False)
        x = tf.nn.relu(tf.layers.batch_normalization(x, training=self.training))
        return tf.layers.dense(x, 10)

    @define_scope
    def optimize(self):
        loss = tf.losses.softmax_cross_entropy(self.label, self.prediction)
        optimizer = tf.train.RMSPropOptimizer(0.03)
        update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        with tf.control_dependencies(update_ops):
            return optimizer.minimize(loss)

    @define_scope
    def error(self):
        mistakes = tf.not_equal(tf.argmax(self.label, 1), tf.argmax(self.prediction, 1))
        return tf.reduce_mean(tf.cast(mistakes, tf.float32))


def main():
    mnist = input_data.read_data_sets("./mnist/", one_hot=True)
    image = tf.placeholder(tf.float32, [None, 784])
    label = tf.placeholder(tf.float32, [None, 10])
    training = tf.placeholder(tf.bool)
    model = Model(image, label, training)
    sess = tf.Session()
    sess.run(tf.global_variables_initializer())
    for _ in range(10):
        images, labels = mnist.test.images, mnist.test.labels
        error = sess.run(model.error, {image: images, label: labels, training: False})
        for _ in range(60):
            images, labels = mnist.train.next_batch(100)
            sess.run(model.optimize, {image: images, label: labels, training: True})


if __name__ == "__main__":
    main()
