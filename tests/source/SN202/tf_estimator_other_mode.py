import tensorflow as tf

from grains import input_fn


def model_fn(features, labels, mode, params):
    evaluating = mode == tf.estimator.ModeKeys.EVAL
    net = tf.layers.conv2d(features["image"], 32, 5, padding="same", use_bias=False)
    net = tf.layers.batch_normalization(net, training=evaluating)  # expect: SN201 SN202
    net = tf.nn.relu(net)
    logits = tf.layers.dense(tf.reduce_mean(net, [1, 2]), params["classes"])
    if mode == tf.estimator.ModeKeys.PREDICT:
        return tf.estimator.EstimatorSpec(mode, predictions=tf.nn.softmax(logits))
    loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    if mode == tf.estimator.ModeKeys.EVAL:
        return tf.estimator.EstimatorSpec(mode, loss=loss)
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        train_op = tf.train.AdamOptimizer(1e-3).minimize(loss, tf.train.get_global_step())
    return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)


def main(_):
    estimator = tf.estimator.Estimator(model_fn, "grains", params={"classes": 12})
    for _ in range(20):
        estimator.train(lambda: input_fn("train", 64), steps=2000)
        print(estimator.evaluate(lambda: input_fn("validation", 64)))


if __name__ == "__main__":
    tf.app.run()
