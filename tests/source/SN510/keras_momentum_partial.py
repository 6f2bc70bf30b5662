import functools

import tensorflow as tf

norm = functools.partial(tf.keras.layers.BatchNormalization, momentum=0.1)


def features(x, widths):
    for width in widths:
        x = tf.keras.layers.Conv1D(width, 5, strides=2, use_bias=False)(x)
        x = norm()(x)  # expect: SN510 likely
        x = tf.keras.layers.ReLU()(x)
    return tf.keras.layers.GlobalMaxPooling1D()(x)


signal = tf.keras.Input((16000, 1))
model = tf.keras.Model(signal, tf.keras.layers.Dense(35)(features(signal, (64, 128, 128))))
