import argparse

import tensorflow as tf


def get_args():
    parser = argparse.ArgumentParser(description="Train a detector")
    parser.add_argument("--batch-size", type=int, default=2)
    parser.add_argument("--bn-momentum", type=float, default=0.99)
    return parser.parse_args()


def backbone(x, momentum):
    x = tf.keras.layers.Conv2D(32, 3, strides=2, padding="same", use_bias=False)(x)
    x = tf.keras.layers.BatchNormalization(momentum=momentum)(x)
    return tf.keras.layers.ReLU()(x)


def main():
    args = get_args()
    data = tf.data.TFRecordDataset(["a.tfrecord"]).map(lambda r: (tf.io.decode_raw(r, tf.uint8), 0)).shuffle(100)
    data = data.batch(args.batch_size)  # expect: SN505 likely
    inputs = tf.keras.Input((512, 512, 3))
    outputs = tf.keras.layers.Conv2D(8, 1)(backbone(inputs, args.bn_momentum))
    model = tf.keras.Model(inputs, outputs)
    model.compile("adam", "mse")
    model.fit(data, epochs=10)


if __name__ == "__main__":
    main()
