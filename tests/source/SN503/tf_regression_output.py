import tensorflow as tf

from steering import batches, validation


class Driver(object):
    def __init__(self):
        self.image = tf.placeholder(tf.float32, [None, 66, 200, 3])
        self.angle = tf.placeholder(tf.float32, [None, 1])
        self.training = tf.placeholder(tf.bool)
        net = self.block(self.image, 24)
        net = self.block(net, 36)
        net = tf.layers.dense(tf.layers.flatten(net), 1, use_bias=False)
        self.output = tf.layers.batch_normalization(net, training=self.training)  # expect: SN503
        self.loss = tf.reduce_mean(tf.square(self.angle - self.output))
        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
            self.step = tf.train.AdamOptimizer(1e-4).minimize(self.loss)

    def block(self, x, filters):
        x = tf.layers.conv2d(x, filters, 5, 2, use_bias=False)
        return tf.nn.relu(tf.layers.batch_normalization(x, training=self.training))


driver = Driver()
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for images, angles in batches(100):
        sess.run(driver.step, {driver.image: images, driver.angle: angles, driver.training: True})
    images, angles = validation()
    print(sess.run(driver.loss, {driver.image: images, driver.angle: angles, driver.training: False}))
