import tensorflow as tf
from tensorflow.contrib import slim

import net
from flowers import split

images, labels = split("validation", 32)
with slim.arg_scope(net.inception_arg_scope(is_training=False)):
    logits = net.inception(images, 5)
names_to_values, names_to_updates = slim.metrics.aggregate_metric_map(
    {"eval/Accuracy": slim.metrics.streaming_accuracy(tf.argmax(logits, 1), labels)}
)
checkpoint = tf.train.latest_checkpoint("flowers-models")
slim.evaluation.evaluate_once("", checkpoint, "eval", num_evals=10, eval_op=list(names_to_updates.values()))
