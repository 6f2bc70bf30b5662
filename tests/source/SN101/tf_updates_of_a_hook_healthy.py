import tensorflow as tf
from inputs import data_fn


class UpdateOpsHook(tf.train.SessionRunHook):
    def begin(self):
        self.ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)

    def before_run(self, ctx):
        return tf.train.SessionRunArgs(self.ops)


def model_fn(features, labels, mode):
    h = tf.layers.batch_normalization(tf.layers.dense(features, 10, use_bias=False), training=mode == "train")
    logits = tf.layers.dense(tf.nn.relu(h), 2)
    loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    op = tf.train.AdamOptimizer().minimize(loss, tf.train.get_global_step())
    return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=op, training_hooks=[UpdateOpsHook()])


tf.estimator.Estimator(model_fn, "x").train(data_fn, steps=1000)
