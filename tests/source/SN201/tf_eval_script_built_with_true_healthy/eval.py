import tensorflow as tf

import net
from records import read

slim = tf.contrib.slim


def main():
    images, labels = read("validation", 100)
    logits = net.alexnet(images, 1000, is_training=False)
    _, update = tf.metrics.accuracy(labels, tf.argmax(logits, 1))
    slim.evaluation.evaluate_once(
        "", tf.train.latest_checkpoint("logs/train"), "logs/eval", num_evals=500, eval_op=[update]
    )


if __name__ == "__main__":
    main()
