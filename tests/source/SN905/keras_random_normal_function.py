import tensorflow as tf


def weights(scale):
    return tf.random_normal_initializer(mean=0.0, stddev=scale)  # expect: SN905


def build(inputs, classes):
    x = tf.keras.layers.Dense(512, use_bias=False, kernel_initializer=weights(0.5))(inputs)
    x = tf.keras.layers.BatchNormalization()(x)
    x = tf.keras.layers.ReLU()(x)
    return tf.keras.layers.Dense(classes)(x)


rows = tf.keras.Input((40,))
model = tf.keras.Model(rows, build(rows, 3))
