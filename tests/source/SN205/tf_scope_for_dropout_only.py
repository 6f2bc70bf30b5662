import tensorflow as tf

slim = tf.contrib.slim
import d


def net(inputs, is_training=True):
    with slim.arg_scope([slim.conv2d], normalizer_fn=slim.batch_norm, activation_fn=tf.nn.relu):
        with slim.arg_scope([slim.dropout], is_training=is_training):
            n = slim.conv2d(inputs, 64, 3, stride=2)  # expect: SN205
            n = slim.dropout(slim.flatten(n), 0.5)
            return slim.fully_connected(n, 10, activation_fn=None)


images, labels = d.val()
logits = net(images, is_training=False)
acc, up = tf.metrics.accuracy(labels, tf.argmax(logits, 1))
slim.evaluation.evaluate_once("", tf.train.latest_checkpoint("x"), "e", num_evals=10, eval_op=[up])
