import tensorflow as tf

import reviews


def model_fn(features, labels, mode, params):
    is_training = mode == tf.estimator.ModeKeys.TRAIN
    with tf.variable_scope("encoder"):
        net = tf.layers.conv1d(features["embedded"], 256, 3, use_bias=False)
        net = tf.nn.relu(tf.layers.batch_normalization(net, training=False, trainable=False))
    score = tf.layers.dense(tf.reduce_max(net, 1), 1)
    if params["init_checkpoint"]:
        assignment_map = {v.op.name: v.op.name for v in tf.trainable_variables() if v.op.name.startswith("encoder")}
        tf.train.init_from_checkpoint(params["init_checkpoint"], assignment_map)  # expect: SN302
    score = tf.layers.dropout(score, 0.1, training=is_training)
    if mode == tf.estimator.ModeKeys.PREDICT:
        return tf.estimator.EstimatorSpec(mode, predictions=tf.sigmoid(score))
    loss = tf.losses.sigmoid_cross_entropy(labels, score)
    train_op = tf.train.AdamOptimizer(1e-4).minimize(loss, tf.train.get_global_step())
    return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)


def main():
    estimator = tf.estimator.Estimator(model_fn, "out", params={"init_checkpoint": "pretrained/model.ckpt"})
    estimator.train(reviews.input_fn, steps=10000)


if __name__ == "__main__":
    main()
