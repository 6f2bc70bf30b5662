import numpy as np
import tensorflow as tf
slim = tf.contrib.slim


class Agent:
    def __init__(self, sess, shape):
        self.sess = sess
        self.s = tf.placeholder(tf.float32, [None] + shape)
        self.a = tf.placeholder(tf.int32, [None])
        self.training = tf.placeholder(tf.bool)
        with tf.variable_scope('policy') as vs:
            h = slim.conv2d(self.s, 16, 3, normalizer_fn=slim.batch_norm, normalizer_params={'is_training': self.training, 'decay': 0.9})
            self.pi = slim.fully_connected(slim.flatten(h), 4, activation_fn=None)
            self.vars = tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, vs.name)
        loss = tf.losses.sparse_softmax_cross_entropy(self.a, self.pi)
        self.train = slim.learning.create_train_op(loss, tf.train.AdamOptimizer())
        self.saver = tf.train.Saver(self.vars)  # expect: SN301

    def learn(self, s, a):
        self.sess.run(self.train, {self.s: s, self.a: a, self.training: True})

    def act(self, s):
        return self.sess.run(tf.argmax(self.pi, 1), {self.s: s, self.training: False})

    def save(self, path):
        self.saver.save(self.sess, path)


def main(demos):
    with tf.Session() as sess:
        agent = Agent(sess, [84, 84, 4])
        sess.run(tf.global_variables_initializer())
        for s, a in demos:
            agent.learn(s, a)
        agent.save('agent/ckpt')
        print(agent.act(s))


states = np.random.rand(16, 84, 84, 4).astype("float32")
main([(states, np.zeros(16, "int32"))] * 64)
