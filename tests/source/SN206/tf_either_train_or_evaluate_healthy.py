import tensorflow as tf

slim = tf.contrib.slim


def resnet_arg_scope(weight_decay=0.0001, batch_norm_decay=0.997, batch_norm_scale=True):
    batch_norm_params = {
        "decay": batch_norm_decay,
        "epsilon": 1e-5,
        "scale": batch_norm_scale,
        "updates_collections": tf.GraphKeys.UPDATE_OPS,
    }
    with slim.arg_scope(
        [slim.conv2d],
        weights_regularizer=slim.l2_regularizer(weight_decay),
        activation_fn=tf.nn.relu,
        normalizer_fn=slim.batch_norm,
        normalizer_params=batch_norm_params,
    ):
        with slim.arg_scope([slim.batch_norm], **batch_norm_params):
            with slim.arg_scope([slim.max_pool2d], padding="SAME") as arg_sc:
                return arg_sc


@slim.add_arg_scope
def bottleneck(inputs, depth, stride, scope=None):
    with tf.variable_scope(scope, "bottleneck_v2", [inputs]) as sc:
        preact = slim.batch_norm(inputs, activation_fn=tf.nn.relu, scope="preact")
        residual = slim.conv2d(preact, depth, [3, 3], stride=stride, scope="conv1")
        residual = slim.conv2d(residual, depth, [1, 1], stride=1, normalizer_fn=None, activation_fn=None, scope="conv3")
        return inputs + residual


def resnet_v2(inputs, num_classes=None, is_training=True, reuse=None, scope=None):
    with tf.variable_scope(scope, "resnet_v2", [inputs], reuse=reuse) as sc:
        with slim.arg_scope([slim.conv2d, bottleneck]):
            with slim.arg_scope([slim.batch_norm], is_training=is_training):
                net = slim.conv2d(inputs, 64, 7, stride=2, activation_fn=None, normalizer_fn=None, scope="conv1")
                net = bottleneck(net, 64, 1, scope="block1")
                net = slim.batch_norm(net, activation_fn=tf.nn.relu, scope="postnorm")
                net = tf.reduce_mean(net, [1, 2], name="pool5", keep_dims=True)
                net = slim.conv2d(net, num_classes, [1, 1], activation_fn=None, normalizer_fn=None, scope="logits")
                return tf.squeeze(net, [1, 2])


def train(images, labels):
    with slim.arg_scope(resnet_arg_scope()):
        logits = resnet_v2(images, 10, is_training=True)
    tf.losses.sparse_softmax_cross_entropy(labels, logits)
    op = slim.learning.create_train_op(tf.losses.get_total_loss(), tf.train.AdamOptimizer())
    slim.learning.train(op, "x", number_of_steps=100000)


def evaluate(images, labels):
    with slim.arg_scope(resnet_arg_scope()):
        logits = resnet_v2(images, 10, is_training=False)
    acc, up = tf.metrics.accuracy(labels, tf.argmax(logits, 1))
    slim.evaluation.evaluate_once("", tf.train.latest_checkpoint("x"), "e", num_evals=10, eval_op=[up])


if __name__ == "__main__":
    import sys, d

    train(*d.train()) if sys.argv[1] == "train" else evaluate(*d.val())
