import tensorflow as tf

from signatures import pairs


class Siamese(object):
    def __init__(self):
        self.sketch = tf.placeholder(tf.float32, [None, 64, 64, 1])
        self.photo = tf.placeholder(tf.float32, [None, 64, 64, 1])
        self.same = tf.placeholder(tf.float32, [None])
        self.training = tf.placeholder(tf.bool)
        with tf.variable_scope("siamese") as scope:
            one = self.network(self.sketch)
            scope.reuse_variables()
            other = self.network(self.photo)  # expect: SN401 likely
        distance = tf.reduce_sum(tf.square(one - other), 1)
        margin = tf.maximum(0.0, 1.0 - distance)
        self.loss = tf.reduce_mean(self.same * distance + (1 - self.same) * margin)
        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
            self.step = tf.train.AdamOptimizer(1e-4).minimize(self.loss)

    def network(self, x):
        x = tf.layers.conv2d(x, 32, 3, 2, use_bias=False, name="conv")
        x = tf.nn.relu(tf.layers.batch_normalization(x, training=self.training, name="bn"))
        return tf.layers.dense(tf.reduce_mean(x, [1, 2]), 32, name="out")


model = Siamese()
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for sketch, photo, same in pairs("train", 64):
        feed = {model.sketch: sketch, model.photo: photo, model.same: same, model.training: True}
        sess.run(model.step, feed)
    for sketch, photo, same in pairs("test", 64):
        feed = {model.sketch: sketch, model.photo: photo, model.same: same, model.training: False}
        print(sess.run(model.loss, feed))
