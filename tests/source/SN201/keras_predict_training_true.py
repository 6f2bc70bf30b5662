"""Predict one folder of scans with a trained network."""

import argparse
import pathlib

import numpy as np
import tensorflow as tf


def unet(filters=32):
    inputs = tf.keras.Input((256, 256, 1))
    x = tf.keras.layers.Conv2D(filters, 3, padding="same", use_bias=False)(inputs)
    x = tf.keras.layers.BatchNormalization()(x)
    x = tf.keras.layers.ReLU()(x)
    outputs = tf.keras.layers.Conv2D(1, 1, activation="sigmoid")(x)
    return tf.keras.Model(inputs, outputs)


def segment(model, scan):
    mask = model(scan[np.newaxis, ..., np.newaxis], training=True)  # expect: SN201
    return mask[0, ..., 0].numpy() > 0.5


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("weights")
    parser.add_argument("folder", type=pathlib.Path)
    args = parser.parse_args()
    model = unet()
    model.load_weights(args.weights)
    for path in sorted(args.folder.glob("*.npy")):
        np.save(path.with_suffix(".mask.npy"), segment(model, np.load(path)))


if __name__ == "__main__":
    main()
