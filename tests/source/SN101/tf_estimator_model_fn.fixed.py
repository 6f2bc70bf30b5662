import tensorflow as tf


def model_fn(features, labels, mode, params):
    training = mode == tf.estimator.ModeKeys.TRAIN
    net = features["image"]
    for filters in params["filters"]:
        net = tf.layers.conv2d(net, filters, 3, padding="same", use_bias=False)
        net = tf.layers.batch_normalization(net, training=training)
        net = tf.nn.relu(net)
        net = tf.layers.max_pooling2d(net, 2, 2)
    net = tf.reduce_mean(net, axis=[1, 2])
    logits = tf.layers.dense(net, params["classes"])
    predictions = {"classes": tf.argmax(logits, axis=1), "probabilities": tf.nn.softmax(logits)}
    if mode == tf.estimator.ModeKeys.PREDICT:
        return tf.estimator.EstimatorSpec(mode=mode, predictions=predictions)

    loss = tf.losses.sparse_softmax_cross_entropy(labels=labels, logits=logits)
    if mode == tf.estimator.ModeKeys.EVAL:
        metrics = {"accuracy": tf.metrics.accuracy(labels, predictions["classes"])}
        return tf.estimator.EstimatorSpec(mode=mode, loss=loss, eval_metric_ops=metrics)

    optimizer = tf.train.AdamOptimizer(learning_rate=params["learning_rate"])
    update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    with tf.control_dependencies(update_ops):
        train_op = optimizer.minimize(loss=loss, global_step=tf.train.get_global_step())  # expect: SN101
    return tf.estimator.EstimatorSpec(mode=mode, loss=loss, train_op=train_op)


def input_fn(files, training):
    dataset = tf.data.TFRecordDataset(files).map(parse)
    if training:
        dataset = dataset.shuffle(10000).repeat()
    return dataset.batch(64)


def parse(record):
    parsed = tf.parse_single_example(
        record, {"image": tf.FixedLenFeature([32, 32, 3], tf.float32), "label": tf.FixedLenFeature([], tf.int64)}
    )
    return {"image": parsed["image"]}, parsed["label"]


def main():
    params = {"filters": [32, 64, 128], "classes": 10, "learning_rate": 1e-3}
    estimator = tf.estimator.Estimator(model_fn=model_fn, model_dir="/tmp/run", params=params)
    for _ in range(10):
        estimator.train(lambda: input_fn(["train.tfrecord"], True), steps=2000)
        print(estimator.evaluate(lambda: input_fn(["eval.tfrecord"], False)))


if __name__ == "__main__":
    main()
