import tensorflow as tf
from tensorflow.contrib.layers import batch_norm, convolution2d, flatten, fully_connected

from atari import Replay


class QNet:
    def __init__(self, actions):
        self.frames = tf.placeholder(tf.float32, [None, 84, 84, 4])
        self.target = tf.placeholder(tf.float32, [None, actions])
        self.training = tf.placeholder_with_default(False, [])
        net = convolution2d(self.frames, 32, 8, 4, activation_fn=None)  # expect: SN501
        net = batch_norm(net, is_training=self.training, activation_fn=tf.nn.relu, decay=0.99)
        net = convolution2d(net, 64, 4, 2)
        net = fully_connected(flatten(net), 512)
        self.q = fully_connected(net, actions, activation_fn=None)
        loss = tf.losses.huber_loss(self.target, self.q)
        update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        with tf.control_dependencies(update_ops):
            self.step = tf.train.RMSPropOptimizer(2.5e-4).minimize(loss)


net = QNet(6)
replay = Replay("pong")
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for frames, target in replay.batches(32):
        sess.run(net.step, {net.frames: frames, net.target: target, net.training: True})
