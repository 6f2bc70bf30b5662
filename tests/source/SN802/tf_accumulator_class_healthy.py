import tensorflow as tf

from records import images_of


class Accumulator(object):
    def __init__(self, optimizer, loss):
        variables = tf.trainable_variables()
        gradients = tf.gradients(loss, variables)
        with tf.variable_scope("accumulator"):
            self.sums = [
                tf.get_variable(v.op.name, v.shape, initializer=tf.zeros_initializer(), trainable=False)
                for v in variables
            ]
        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
            self.add = tf.group(*[tf.assign_add(s, g) for s, g in zip(self.sums, gradients)])
        self.reset = tf.group(*[tf.assign(s, tf.zeros_like(s)) for s in self.sums])
        self.apply = optimizer.apply_gradients(list(zip(self.sums, variables)))


images, labels = images_of("train").shuffle(1000).repeat().batch(16).make_one_shot_iterator().get_next()
net = tf.layers.conv2d(images, 64, 3, 2, use_bias=False)
net = tf.nn.relu(tf.layers.batch_normalization(net, training=True))
loss = tf.losses.sparse_softmax_cross_entropy(labels, tf.layers.dense(tf.reduce_mean(net, [1, 2]), 100))
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for _ in range(100000):
        sess.run(step)
