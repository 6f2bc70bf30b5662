"""A transposed convolution makes many positions of one: few values, but more than one."""

import tensorflow as tf
from tensorflow.keras import Model, layers

inputs = layers.Input((64,))
x = layers.Reshape((1, 1, 64))(inputs)
x = layers.Conv2DTranspose(32, 4, use_bias=False)(x)
x = layers.BatchNormalization()(x)
x = layers.Conv2DTranspose(3, 4, strides=2)(layers.ReLU()(x))
model = Model(inputs, x)
model.compile("adam", tf.keras.losses.MeanSquaredError())
codes, images = load_data()
model.fit(codes, images, batch_size=1, epochs=5)  # expect: SN505
