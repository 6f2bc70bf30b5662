import tensorflow as tf

from data import batches


class Net(object):
    def __init__(self):
        self.x = tf.placeholder(tf.float32, [None, 32, 32, 3])
        self.y = tf.placeholder(tf.int64, [None])
        self.training = tf.placeholder(tf.bool)
        with tf.variable_scope("net"):
            net = tf.layers.conv2d(self.x, 16, 3, use_bias=False)
            net = tf.nn.relu(tf.layers.batch_normalization(net, training=self.training))
            logits = tf.layers.dense(tf.layers.flatten(net), 10)
        self.loss = tf.losses.sparse_softmax_cross_entropy(self.y, logits)
        self.global_step = tf.train.get_or_create_global_step()
        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
            self.step = tf.train.AdamOptimizer().minimize(self.loss, self.global_step)

    def make_saver(self):
        variables = tf.global_variables("net")
        variables.append(self.global_step)
        return tf.train.Saver(variables, max_to_keep=1)


model = Net()
saver = model.make_saver()
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for a, b in batches(64):
        sess.run(model.step, {model.x: a, model.y: b, model.training: True})
    saver.save(sess, "net/model", model.global_step)
