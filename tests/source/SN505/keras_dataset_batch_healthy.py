import argparse

import tensorflow as tf


def get_dataset(pattern, batch_size):
    files = tf.data.Dataset.list_files(pattern, shuffle=True)
    dataset = files.interleave(tf.data.TFRecordDataset).map(parse).shuffle(1000)
    return dataset.batch(batch_size).prefetch(2)


def parse(record):
    spec = {"image": tf.io.FixedLenFeature([], tf.string), "mask": tf.io.FixedLenFeature([], tf.string)}
    example = tf.io.parse_single_example(record, spec)
    image = tf.io.decode_jpeg(example["image"], channels=3)
    return tf.image.resize(image, (512, 512)) / 255.0, tf.io.decode_png(example["mask"])


def model_fn():
    image = tf.keras.Input((512, 512, 3))
    x = tf.keras.layers.SeparableConv2D(32, 3, padding="same", use_bias=False)(image)
    x = tf.keras.layers.BatchNormalization()(x)
    x = tf.keras.layers.ReLU()(x)
    return tf.keras.Model(image, tf.keras.layers.Conv2D(19, 1)(x))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=90)
    args = parser.parse_args()
    model = model_fn()
    model.compile("adam", tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(get_dataset("cityscapes/*.tfrecord", 32), epochs=args.epochs)
