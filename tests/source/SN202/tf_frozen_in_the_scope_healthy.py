import tensorflow as tf
import inp

slim = tf.contrib.slim


def resnet_arg_scope(is_training=True):
    batch_norm_params = {
        "is_training": False,
        "decay": 0.997,
        "epsilon": 1e-5,
        "scale": True,
        "trainable": False,
        "updates_collections": tf.GraphKeys.UPDATE_OPS,
    }
    with slim.arg_scope(
        [slim.conv2d],
        weights_regularizer=slim.l2_regularizer(1e-4),
        trainable=is_training,
        normalizer_fn=slim.batch_norm,
        normalizer_params=batch_norm_params,
    ):
        with slim.arg_scope([slim.batch_norm], **batch_norm_params) as s:
            return s


with slim.arg_scope(resnet_arg_scope(True)):
    n = slim.conv2d(inp.images, 64, 7, stride=2)
rpn = slim.conv2d(n, 512, 3, trainable=True)
l = tf.losses.sparse_softmax_cross_entropy(inp.labels, slim.fully_connected(slim.flatten(rpn), 2, activation_fn=None))
op = tf.train.MomentumOptimizer(0.001, 0.9).minimize(l)
with tf.Session() as s:
    s.run(tf.global_variables_initializer())
    tf.train.Saver(slim.get_variables_to_restore()).restore(s, "res101.ckpt")
    for _ in range(70000):
        s.run(op)
