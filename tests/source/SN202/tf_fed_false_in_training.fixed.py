import tensorflow as tf

from speech import Batches


class Recognizer(object):
    def __init__(self, sess):
        self.sess = sess
        self.phase = tf.placeholder(tf.bool, name="phase")
        self.mfcc = tf.placeholder(tf.float32, [None, 99, 40, 1])
        self.word = tf.placeholder(tf.int64, [None])
        net = tf.layers.conv2d(self.mfcc, 64, [20, 8], use_bias=False)
        net = tf.nn.relu(tf.layers.batch_normalization(net, training=self.phase))
        self.logits = tf.layers.dense(tf.layers.flatten(net), 12)
        self.loss = tf.losses.sparse_softmax_cross_entropy(self.word, self.logits)
        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
            self.step = tf.train.AdamOptimizer().minimize(self.loss)

    def train(self, batches):
        self.sess.run(tf.global_variables_initializer())
        for mfcc, word in batches:
            feed = {self.mfcc: mfcc, self.word: word, self.phase: True}
            self.sess.run(self.step, feed_dict=feed)

    def test(self, mfcc):
        return self.sess.run(tf.argmax(self.logits, 1), {self.mfcc: mfcc, self.phase: False})


with tf.Session() as session:
    recognizer = Recognizer(session)
    recognizer.train(Batches("train", 100))
    print(recognizer.test(Batches("test", 100).all()))
