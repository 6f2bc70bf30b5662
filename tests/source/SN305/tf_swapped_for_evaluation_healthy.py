import tensorflow as tf

from data import batches, held_out


class Model(object):
    def __init__(self):
        self.x = tf.placeholder(tf.float32, [None, 48])
        self.y = tf.placeholder(tf.int32, [None])
        self.training = tf.placeholder(tf.bool)
        net = tf.layers.dense(self.x, 128, use_bias=False)
        net = tf.nn.relu(tf.layers.batch_normalization(net, training=self.training))
        self.loss = tf.losses.sparse_softmax_cross_entropy(self.y, tf.layers.dense(net, 6))
        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
            step = tf.train.AdamOptimizer().minimize(self.loss)
        self.ema = tf.train.ExponentialMovingAverage(0.999)
        with tf.control_dependencies([step]):
            averaged = tf.trainable_variables() + [v for v in tf.global_variables() if "moving_" in v.name]
            self.train_op = self.ema.apply(averaged)
        self.use_averages = [v.assign(self.ema.average(v)) for v in averaged]


def main():
    model = Model()
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for x, y in batches(64):
            sess.run(model.train_op, {model.x: x, model.y: y, model.training: True})
        sess.run(model.use_averages)
        x, y = held_out()
        print(sess.run(model.loss, {model.x: x, model.y: y, model.training: False}))


main()
