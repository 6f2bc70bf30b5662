import tensorflow as tf

from pictures import decode


def serving_input_fn():
    encoded = tf.placeholder(tf.string, [None])
    images = tf.map_fn(decode, encoded, dtype=tf.float32)
    return tf.estimator.export.ServingInputReceiver({"image": images}, {"encoded": encoded})


def model_fn(features, labels, mode, params):
    is_training = mode == tf.estimator.ModeKeys.TRAIN
    net = tf.layers.conv2d(features["image"], 32, 3, 2, use_bias=False)
    net = tf.layers.batch_normalization(net, training=is_training, momentum=0.9)
    logits = tf.layers.dense(tf.reduce_mean(tf.nn.relu(net), [1, 2]), params["classes"])
    if mode == tf.estimator.ModeKeys.PREDICT:
        outputs = {"serving_default": tf.estimator.export.PredictOutput({"scores": tf.nn.softmax(logits)})}
        return tf.estimator.EstimatorSpec(mode, predictions=tf.nn.softmax(logits), export_outputs=outputs)
    loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    optimizer = tf.train.AdamOptimizer()
    update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    with tf.control_dependencies(update_ops):
        train_op = optimizer.minimize(loss, global_step=tf.train.get_or_create_global_step())
    return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)


estimator = tf.estimator.Estimator(model_fn, "out", params={"classes": 10})
estimator.export_savedmodel("export", serving_input_fn)
