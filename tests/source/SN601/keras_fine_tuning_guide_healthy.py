"""Transfer learning as the Keras guide has it."""

import keras
from keras import layers

base = keras.applications.Xception(include_top=False, weights="imagenet", input_shape=(150, 150, 3))
base.trainable = False
inputs = keras.Input((150, 150, 3))
x = layers.Rescaling(scale=1 / 127.5, offset=-1)(inputs)
x = base(x, training=False)
x = layers.GlobalAveragePooling2D()(x)
x = layers.Dropout(0.2)(x)
outputs = layers.Dense(1)(x)
model = keras.Model(inputs, outputs)
model.compile(keras.optimizers.Adam(), keras.losses.BinaryCrossentropy(from_logits=True))
train = keras.utils.image_dataset_from_directory("cats_and_dogs", image_size=(150, 150))
model.fit(train, epochs=2)

base.trainable = True
model.compile(keras.optimizers.Adam(1e-5), keras.losses.BinaryCrossentropy(from_logits=True))
model.fit(train, epochs=1)
