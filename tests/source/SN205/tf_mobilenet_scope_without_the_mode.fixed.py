"""Segmentation with MobileNet V2 as its encoder, for Estimator."""

import tensorflow as tf
from nets.mobilenet import mobilenet_v2

from roads import train_input_fn, val_input_fn

slim = tf.contrib.slim


def encoder(images, is_training):
    with slim.arg_scope(mobilenet_v2.training_scope(weight_decay=4e-5, is_training=is_training)):
        _, end_points = mobilenet_v2.mobilenet_base(images, final_endpoint="layer_18", output_stride=16)
    return end_points["layer_18"]


def model_fn(features, labels, mode, params):
    is_training = mode == tf.estimator.ModeKeys.TRAIN
    net = encoder(features, is_training)
    logits = slim.conv2d(net, params["classes"], 1, activation_fn=None, scope="classes")
    logits = tf.image.resize_bilinear(logits, tf.shape(features)[1:3])
    predicted = tf.argmax(logits, 3)
    if mode == tf.estimator.ModeKeys.PREDICT:
        return tf.estimator.EstimatorSpec(mode, predictions={"classes": predicted})
    loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    if mode == tf.estimator.ModeKeys.EVAL:
        miou = tf.metrics.mean_iou(labels, predicted, params["classes"])
        return tf.estimator.EstimatorSpec(mode, loss=loss, eval_metric_ops={"miou": miou})
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        step = tf.train.get_global_step()
        train_op = tf.train.MomentumOptimizer(0.007, 0.9).minimize(loss, step)
    return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)


def main(_):
    estimator = tf.estimator.Estimator(model_fn, "roads", params={"classes": 19})
    train_spec = tf.estimator.TrainSpec(train_input_fn, max_steps=90000)
    tf.estimator.train_and_evaluate(estimator, train_spec, tf.estimator.EvalSpec(val_input_fn))


if __name__ == "__main__":
    tf.app.run()
