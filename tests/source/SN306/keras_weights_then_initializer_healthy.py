import argparse

import tensorflow.compat.v1 as tf
from tensorflow.compat.v1.keras import backend as K
from tensorflow.compat.v1.keras import layers, models

tf.disable_v2_behavior()


def detector():
    inputs = layers.Input((300, 300, 3))
    x = layers.Conv2D(32, 3, use_bias=False)(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(x)
    return models.Model(inputs, layers.Conv2D(5, 1)(x))


def main(args):
    model = detector()
    with K.get_session() as sess:
        sess.run(tf.global_variables_initializer())
        model.load_weights(args.weights)
        tf.train.Saver().save(sess, args.output)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", default="detector.h5")
    parser.add_argument("--output", default="detector.ckpt")
    main(parser.parse_args())
