import tensorflow.compat.v1 as tf
import tf_slim as slim

from net import mobilenet
from records import read

tf.disable_v2_behavior()


def main():
    images, labels = read("validation", 100)
    logits = mobilenet(images, 1000, is_training=False)
    names_to_values, names_to_updates = slim.metrics.aggregate_metric_map(
        {"accuracy": tf.metrics.accuracy(labels, tf.argmax(logits, 1))}
    )
    slim.evaluation.evaluate_once(
        "", tf.train.latest_checkpoint("logs/train"), "logs/eval", num_evals=500, eval_op=list(names_to_updates.values())
    )


if __name__ == "__main__":
    main()
