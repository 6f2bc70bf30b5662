"""Names what is on a picture, with a network that was built as for training."""

import sys

import numpy as np
import tensorflow as tf
from nets import nets_factory
from PIL import Image

LABELS = [line.strip() for line in open("labels.txt")]


def classify(path, checkpoint):
    with tf.Graph().as_default():
        image = tf.placeholder(tf.float32, [1, 224, 224, 3])
        network_fn = nets_factory.get_network_fn("mobilenet_v1", len(LABELS), is_training=True)  # expect: SN201
        logits, _ = network_fn(image)
        probabilities = tf.nn.softmax(logits)
        saver = tf.train.Saver()
        with tf.Session() as sess:
            saver.restore(sess, checkpoint)
            pixels = np.asarray(Image.open(path).convert("RGB").resize((224, 224)), np.float32)
            values = sess.run(probabilities, {image: (pixels / 127.5 - 1)[None]})[0]
    return LABELS[int(values.argmax())], float(values.max())


if __name__ == "__main__":
    print(*classify(sys.argv[1], "model.ckpt-100000"))
