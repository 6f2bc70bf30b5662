import tensorflow as tf

from scenes import records


def model_fn(features, labels, mode):
    training = mode == tf.estimator.ModeKeys.TRAIN
    net = tf.layers.conv2d(features, 32, 3, 2, use_bias=False)
    net = tf.nn.relu(tf.layers.batch_normalization(net, training=training))
    logits = tf.layers.dense(tf.reduce_mean(net, [1, 2]), 365)
    loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        train_op = tf.train.AdamOptimizer().minimize(loss, tf.train.get_global_step())
    return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)


def input_fn():
    return records("train").shuffle(5000).repeat().batch(4)  # expect: SN801


strategy = tf.contrib.distribute.MirroredStrategy(num_gpus=4)
config = tf.estimator.RunConfig(train_distribute=strategy)
estimator = tf.estimator.Estimator(model_fn, "out", config=config)
estimator.train(input_fn, steps=100000)
