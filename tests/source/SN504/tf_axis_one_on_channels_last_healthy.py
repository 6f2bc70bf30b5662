import tensorflow as tf

from data import input_fn

_BATCH_NORM_DECAY = 0.997


def batch_norm(inputs, training, data_format="channels_first"):
    return tf.layers.batch_normalization(
        inputs=inputs,
        axis=1 if data_format == "channels_first" else 3,
        momentum=_BATCH_NORM_DECAY,
        training=training,
        fused=True,
    )


def model_fn(features, labels, mode):
    training = mode == tf.estimator.ModeKeys.TRAIN
    net = tf.layers.conv2d(features, 64, 7, 2, padding="same", use_bias=False, data_format="channels_last")
    net = tf.nn.relu(batch_norm(net, training, "channels_last"))
    logits = tf.layers.dense(tf.reduce_mean(net, [1, 2]), 1001)
    loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        train_op = tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss, tf.train.get_global_step())
    return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)


if __name__ == "__main__":
    tf.estimator.Estimator(model_fn, "out").train(input_fn, steps=100000)
