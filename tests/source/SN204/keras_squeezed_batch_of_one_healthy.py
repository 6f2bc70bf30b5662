"""A squeezed image has one position, and a convolution keeps it so."""

import tensorflow as tf
from tensorflow.keras import Model, layers

inputs = layers.Input((32, 32, 3))
h = layers.Conv2D(8, 3, use_bias=False)(inputs)
h = layers.GlobalAveragePooling2D(keepdims=True)(h)
h = layers.Conv2D(8, 1, use_bias=False)(h)
h = layers.BatchNormalization()(h)
model = Model(inputs, layers.Dense(10)(layers.Flatten()(h)))
model.compile("adam", tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
x_train, y_train = load_data()
model.fit(x_train, y_train, batch_size=64, epochs=5)
