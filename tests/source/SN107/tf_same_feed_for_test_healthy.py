import tensorflow as tf

from reader import TrainReader, TestReader


class Net(object):
    def __init__(self):
        self.inputs = tf.placeholder(tf.float32, [None, 100])
        self.targets = tf.placeholder(tf.float32, [None, 1])
        self.is_training = tf.placeholder(tf.bool, name="phase")
        h = tf.layers.dense(self.inputs, 50, use_bias=False)
        h = tf.nn.relu(tf.layers.batch_normalization(h, training=self.is_training))
        self.outputs = tf.layers.dense(h, 1)
        self.loss = tf.losses.mean_squared_error(self.targets, self.outputs)
        self.update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        self.train_step = tf.train.AdamOptimizer().minimize(self.loss)

    def feed(self, x, y, training):
        return {self.inputs: x, self.targets: y, self.is_training: training}


def run():
    net = Net()
    reader, test_reader = TrainReader(64), TestReader(64)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for step in range(20000):
            x, y = reader.next()
            sess.run([net.train_step, net.update_ops], net.feed(x, y, True))
            if step % 500 == 0:
                x_test, y_test = test_reader.next()
                test_loss = sess.run(net.loss, net.feed(x_test, y_test, False))
                print(step, test_loss)


run()
