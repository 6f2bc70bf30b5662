"""Replicas share their variables: the updates of one of them are enough."""
import tensorflow as tf

from inputs import distorted

FLAGS = tf.app.flags.FLAGS
tf.app.flags.DEFINE_integer("num_gpus", 4, "How many GPUs to use.")
tf.app.flags.DEFINE_integer("batch_size", 32, "Images per GPU.")


def tower_loss(scope):
    images, labels = distorted(FLAGS.batch_size)
    x = tf.layers.conv2d(images, 64, 3, use_bias=False, name="conv1")
    x = tf.nn.relu(tf.layers.batch_normalization(x, training=True, name="bn1"))
    x = tf.layers.conv2d(x, 64, 3, use_bias=False, name="conv2")
    x = tf.nn.relu(tf.layers.batch_normalization(x, training=True, name="bn2"))
    logits = tf.layers.dense(tf.reduce_mean(x, [1, 2]), 10, name="logits")
    return tf.losses.sparse_softmax_cross_entropy(labels, logits, scope=scope)


def average_gradients(tower_grads):
    average = []
    for grad_and_vars in zip(*tower_grads):
        grads = [tf.expand_dims(g, 0) for g, _ in grad_and_vars]
        average.append((tf.reduce_mean(tf.concat(grads, 0), 0), grad_and_vars[0][1]))
    return average


def train(_):
    opt = tf.train.GradientDescentOptimizer(0.1)
    tower_grads = []
    with tf.variable_scope(tf.get_variable_scope()):
        for i in range(FLAGS.num_gpus):
            with tf.device("/gpu:%d" % i):
                with tf.name_scope("tower_%d" % i) as scope:
                    loss = tower_loss(scope)
                    tf.get_variable_scope().reuse_variables()
                    update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS, scope)
                    tower_grads.append(opt.compute_gradients(loss))
    apply_gradient_op = opt.apply_gradients(average_gradients(tower_grads))
    train_op = tf.group(apply_gradient_op, *update_ops)
    with tf.Session(config=tf.ConfigProto(allow_soft_placement=True)) as sess:
        sess.run(tf.global_variables_initializer())
        for step in range(100000):
            sess.run(train_op)


if __name__ == "__main__":
    tf.app.run(train)
