import argparse

import tensorflow as tf
from tensorflow.keras import layers


def create_model():
    inputs = layers.Input((49, 40, 1))
    x = layers.Conv2D(64, (10, 4), strides=2, use_bias=False)(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(x)
    x = layers.GlobalAveragePooling2D()(x)
    return tf.keras.Model(inputs, layers.Dense(12)(x))


def convert(checkpoint, output):
    model = create_model()
    model.load_weights(checkpoint)
    run = tf.function(lambda x: model(x, training=False))
    concrete = run.get_concrete_function(tf.TensorSpec([1, 49, 40, 1], tf.float32))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    with open(output, "wb") as file:
        file.write(converter.convert())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("checkpoint")
    parser.add_argument("output")
    args = parser.parse_args()
    convert(args.checkpoint, args.output)
