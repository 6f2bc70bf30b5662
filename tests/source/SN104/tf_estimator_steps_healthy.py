import tensorflow as tf

import census


def batch_norm(x, mode):
    return tf.contrib.layers.batch_norm(
        x, decay=0.99, scale=True, is_training=mode == tf.estimator.ModeKeys.TRAIN, updates_collections=None
    )


def model_fn(features, labels, mode):
    net = tf.feature_column.input_layer(features, census.columns())
    net = tf.layers.dense(net, 128, use_bias=False)
    net = tf.nn.relu(batch_norm(net, mode))
    logits = tf.layers.dense(net, 1)
    head = tf.contrib.estimator.binary_classification_head()
    return head.create_estimator_spec(
        features, mode, logits, labels=labels, optimizer=tf.train.AdagradOptimizer(0.05)
    )


if __name__ == "__main__":
    estimator = tf.estimator.Estimator(model_fn, "/tmp/census")
    estimator.train(census.train_input_fn, max_steps=1500)
    print(estimator.evaluate(census.test_input_fn))
