import tensorflow as tf

from data import dataset


def model_fn(features, labels, mode):
    training = mode == tf.estimator.ModeKeys.TRAIN
    net = tf.layers.conv1d(features, 64, 5, use_bias=False)
    net = tf.nn.relu(tf.layers.batch_normalization(net, training=training))
    logits = tf.layers.dense(tf.reduce_mean(net, 1), 9)
    loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    optimizer = tf.contrib.opt.AdamWOptimizer(weight_decay=1e-4, learning_rate=1e-3)
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        train_op = optimizer.minimize(loss, global_step=tf.train.get_global_step())  # expect: SN506
    return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)


tf.estimator.Estimator(model_fn, "out").train(lambda: dataset("train", 64), steps=20000)
