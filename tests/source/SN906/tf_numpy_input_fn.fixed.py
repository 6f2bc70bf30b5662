import numpy as np
import tensorflow as tf


def model_fn(features, labels, mode):
    net = tf.layers.dense(features["x"], 64, use_bias=False)
    net = tf.layers.batch_normalization(net, training=mode == tf.estimator.ModeKeys.TRAIN)
    logits = tf.layers.dense(tf.nn.relu(net), 3)
    if mode == tf.estimator.ModeKeys.PREDICT:
        return tf.estimator.EstimatorSpec(mode, predictions=tf.argmax(logits, 1))
    loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        train_op = tf.train.AdamOptimizer().minimize(loss, tf.train.get_global_step())
    return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)


table = np.loadtxt("flowers.csv", delimiter=",", dtype=np.float32)
train_input_fn = tf.estimator.inputs.numpy_input_fn(
    {"x": table[:, :4]}, table[:, 4].astype(np.int32), batch_size=32, num_epochs=None, shuffle=True
)
test_input_fn = tf.estimator.inputs.numpy_input_fn(
    {"x": table[:, :4]}, table[:, 4].astype(np.int32), num_epochs=1, shuffle=False
)
estimator = tf.estimator.Estimator(model_fn, "out")
estimator.train(train_input_fn, steps=5000)
print(estimator.evaluate(test_input_fn))
