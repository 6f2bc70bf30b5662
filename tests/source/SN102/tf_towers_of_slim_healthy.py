import tensorflow as tf
from tensorflow.contrib import slim
import cifar10_input

FLAGS = tf.app.flags.FLAGS
tf.app.flags.DEFINE_integer("num_gpus", 2, "")
tf.app.flags.DEFINE_integer("batch_size", 128, "")


def inference(images):
    with slim.arg_scope(
        [slim.conv2d], normalizer_fn=slim.batch_norm, normalizer_params={"is_training": True, "decay": 0.99}
    ):
        n = slim.conv2d(images, 64, 5, scope="c1")
        n = slim.max_pool2d(n, 3, 2)
        n = slim.conv2d(n, 64, 5, scope="c2")
    return slim.fully_connected(slim.flatten(n), 10, activation_fn=None, scope="fc")


def tower_loss(scope, images, labels):
    logits = inference(images)
    ce = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    tf.add_to_collection("losses", ce)
    losses = tf.get_collection("losses", scope)
    return tf.add_n(losses, name="total_loss")


def average_gradients(tower_grads):
    average_grads = []
    for grad_and_vars in zip(*tower_grads):
        grads = []
        for g, _ in grad_and_vars:
            grads.append(tf.expand_dims(g, 0))
        grad = tf.reduce_mean(tf.concat(axis=0, values=grads), 0)
        average_grads.append((grad, grad_and_vars[0][1]))
    return average_grads


def train():
    with tf.Graph().as_default(), tf.device("/cpu:0"):
        global_step = tf.get_variable("global_step", [], initializer=tf.constant_initializer(0), trainable=False)
        opt = tf.train.GradientDescentOptimizer(0.1)
        images, labels = cifar10_input.distorted_inputs(FLAGS.batch_size)
        batch_queue = slim.prefetch_queue.prefetch_queue([images, labels], capacity=2 * FLAGS.num_gpus)
        tower_grads = []
        with tf.variable_scope(tf.get_variable_scope()):
            for i in range(FLAGS.num_gpus):
                with tf.device("/gpu:%d" % i):
                    with tf.name_scope("%s_%d" % ("tower", i)) as scope:
                        image_batch, label_batch = batch_queue.dequeue()
                        loss = tower_loss(scope, image_batch, label_batch)
                        tf.get_variable_scope().reuse_variables()
                        grads = opt.compute_gradients(loss)
                        tower_grads.append(grads)
        grads = average_gradients(tower_grads)
        apply_gradient_op = opt.apply_gradients(grads, global_step=global_step)
        variable_averages = tf.train.ExponentialMovingAverage(0.9999, global_step)
        variables_averages_op = variable_averages.apply(tf.trainable_variables())
        batchnorm_updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        batchnorm_updates_op = tf.group(*batchnorm_updates)
        train_op = tf.group(apply_gradient_op, variables_averages_op, batchnorm_updates_op)
        saver = tf.train.Saver(tf.global_variables())
        sess = tf.Session()
        sess.run(tf.global_variables_initializer())
        tf.train.start_queue_runners(sess=sess)
        for step in range(1000000):
            _, loss_value = sess.run([train_op, loss])
            if step % 1000 == 0:
                saver.save(sess, "m", global_step=step)


train()
