import tensorflow as tf

import sentences


def model_fn(features, labels, mode):
    embedding = tf.get_variable("embedding", [20000, 64])
    net = tf.nn.embedding_lookup(embedding, features["words"])
    net = tf.layers.conv1d(net, 128, 5, use_bias=False)
    net = tf.nn.relu(tf.layers.batch_normalization(net, training=mode == tf.estimator.ModeKeys.TRAIN))  # expect: SN201
    net = tf.reduce_max(net, axis=1)
    net = tf.layers.dropout(net, 0.5, training=mode == tf.estimator.ModeKeys.TRAIN)
    logits = tf.layers.dense(net, 5)
    if mode == tf.estimator.ModeKeys.PREDICT:
        return tf.estimator.EstimatorSpec(mode, predictions={"class": tf.argmax(logits, 1)})
    loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    if mode == tf.estimator.ModeKeys.EVAL:
        accuracy = tf.metrics.accuracy(labels, tf.argmax(logits, 1))
        return tf.estimator.EstimatorSpec(mode, loss=loss, eval_metric_ops={"accuracy": accuracy})
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        train_op = tf.train.AdamOptimizer().minimize(loss, tf.train.get_global_step())
    return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)


def main(argv):
    classifier = tf.estimator.Estimator(model_fn, "/tmp/sentences")
    train_spec = tf.estimator.TrainSpec(sentences.train_input_fn, max_steps=20000)
    eval_spec = tf.estimator.EvalSpec(sentences.eval_input_fn)
    tf.estimator.train_and_evaluate(classifier, train_spec, eval_spec)


if __name__ == "__main__":
    tf.app.run()
