import tensorflow as tf

from speech import batches, test_batches


class Model(object):
    def __init__(self, classes):
        self.frames = tf.placeholder(tf.float32, [None, None, 40])
        self.lengths = tf.placeholder(tf.int32, [None])
        self.labels = tf.sparse_placeholder(tf.int32)
        self.training = tf.placeholder(tf.bool)
        cell = tf.nn.rnn_cell.GRUCell(128)
        outputs, _ = tf.nn.dynamic_rnn(cell, self.frames, sequence_length=self.lengths, dtype=tf.float32)
        outputs = tf.layers.batch_normalization(outputs, training=self.training)  # expect: SN511 likely
        logits = tf.layers.dense(outputs, classes)
        self.loss = tf.reduce_mean(tf.nn.ctc_loss(self.labels, logits, self.lengths, time_major=False))
        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
            self.step = tf.train.AdamOptimizer(1e-3).minimize(self.loss)


model = Model(29)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for frames, lengths, labels in batches(32):
        feed = {model.frames: frames, model.lengths: lengths, model.labels: labels, model.training: True}
        sess.run(model.step, feed)
    for frames, lengths, labels in test_batches(32):
        feed = {model.frames: frames, model.lengths: lengths, model.labels: labels, model.training: False}
        print(sess.run(model.loss, feed))
