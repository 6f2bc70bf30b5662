"""One value per channel: by `Reshape`, and by a mean that keeps the dimensions."""

import tensorflow as tf
from tensorflow.keras import Model, layers

inputs = layers.Input((32, 32, 3))
x = layers.Conv2D(8, 3, use_bias=False)(inputs)
mean = tf.reduce_mean(x, [1, 2], keepdims=True)
gate = layers.Conv2D(8, 1, use_bias=False)(mean)
gate = layers.BatchNormalization()(gate)  # expect: SN204
flat = layers.Dense(8)(layers.Flatten()(x))
code = layers.Reshape((1, 1, 8))(flat)
code = layers.Conv2D(8, 1, use_bias=False)(code)
code = layers.BatchNormalization()(code)  # expect: SN204
h = layers.Flatten()(layers.Concatenate()([gate, code]))
model = Model(inputs, layers.Dense(10)(h))
model.compile("adam", tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
dataset = tf.data.Dataset.from_tensor_slices(load_data()).shuffle(1000).batch(1)
model.fit(dataset, epochs=5)
