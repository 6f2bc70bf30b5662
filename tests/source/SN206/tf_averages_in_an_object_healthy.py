import tensorflow as tf
from feed import train_iter, valid_iter


class BatchNormalizer(object):
    """Helper class that groups the normalization logic and variables."""

    def __init__(self, depth, epsilon, ewma_trainer, scale_after_norm, name=None):
        with tf.variable_scope(name + "_bn"):
            self.mean = tf.get_variable(
                "mean", shape=[depth], initializer=tf.constant_initializer(0.0), trainable=False
            )
            self.variance = tf.get_variable(
                "variance", shape=[depth], initializer=tf.constant_initializer(1.0), trainable=False
            )
            self.beta = tf.get_variable("beta", shape=[depth], initializer=tf.constant_initializer(0.0))
            self.gamma = tf.get_variable("gamma", shape=[depth], initializer=tf.constant_initializer(1.0))
        self.ewma_trainer = ewma_trainer
        self.epsilon = epsilon

    def get_assigner(self):
        return self.ewma_trainer.apply([self.mean, self.variance])

    def normalize(self, x, train=True):
        if train:
            mean, variance = tf.nn.moments(x, [0, 1, 2])
            assign_mean = self.mean.assign(mean)
            assign_variance = self.variance.assign(variance)
            with tf.control_dependencies([assign_mean, assign_variance]):
                return tf.nn.batch_norm_with_global_normalization(
                    x, mean, variance, self.beta, self.gamma, self.epsilon, True
                )
        else:
            mean = self.ewma_trainer.average(self.mean)
            variance = self.ewma_trainer.average(self.variance)
            return tf.nn.batch_norm_with_global_normalization(
                x, mean, variance, self.beta, self.gamma, self.epsilon, True
            )


ewma = tf.train.ExponentialMovingAverage(decay=0.99)
bn = BatchNormalizer(32, 0.001, ewma, True, name="c1")
update_assignments = bn.get_assigner()
kernel = tf.get_variable("k", [3, 3, 1, 32])
x = tf.placeholder(tf.float32, [None, 28, 28, 1])
y = tf.placeholder(tf.int32, [None])


def forward(x, train):
    h = tf.nn.relu(bn.normalize(tf.nn.conv2d(x, kernel, [1, 1, 1, 1], "SAME"), train))
    with tf.variable_scope("fc", reuse=tf.AUTO_REUSE):
        return tf.layers.dense(tf.layers.flatten(h), 10)


y_train = forward(x, True)
y_valid = forward(x, False)
cost = tf.losses.sparse_softmax_cross_entropy(y, y_train)
valid_cost = tf.losses.sparse_softmax_cross_entropy(y, y_valid)
opt = tf.train.GradientDescentOptimizer(0.01).minimize(cost)
with tf.control_dependencies([opt]):
    train_op = tf.group(update_assignments)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for a, b in train_iter():
        sess.run(train_op, {x: a, y: b})
    for a, b in valid_iter():
        print(sess.run(valid_cost, {x: a, y: b}))
