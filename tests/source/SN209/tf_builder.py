import argparse

import tensorflow.compat.v1 as tf

from network import preprocess

tf.disable_eager_execution()


class Detector:
    def __init__(self, training=True):
        self.training = training
        self.images = tf.placeholder(tf.float32, [None, 300, 300, 3])
        net = preprocess(self.images)
        for filters in (32, 64, 128):
            net = tf.layers.conv2d(net, filters, 3, 2, use_bias=False)
            net = tf.nn.relu6(tf.layers.batch_normalization(net, training=self.training))
        self.boxes = tf.layers.conv2d(net, 4, 1)


def main(args):
    detector = Detector()
    with tf.Session() as sess:
        tf.train.Saver().restore(sess, args.checkpoint)
        builder = tf.saved_model.builder.SavedModelBuilder(args.output)
        signature = tf.saved_model.signature_def_utils.predict_signature_def(
            {"images": detector.images}, {"boxes": detector.boxes}
        )
        builder.add_meta_graph_and_variables(sess, ["serve"], {"serving_default": signature})  # expect: SN209
        builder.save()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("checkpoint")
    parser.add_argument("output")
    main(parser.parse_args())
