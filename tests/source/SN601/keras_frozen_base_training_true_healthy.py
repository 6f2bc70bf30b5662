"""trainable = False on a BatchNormalization means inference mode, even under training=True."""

import tensorflow as tf

base = tf.keras.applications.Xception(include_top=False, weights="imagenet", input_shape=(150, 150, 3))
base.trainable = False
inputs = tf.keras.Input((150, 150, 3))
x = tf.keras.applications.xception.preprocess_input(inputs)
x = base(x, training=True)
x = tf.keras.layers.GlobalAveragePooling2D()(x)
outputs = tf.keras.layers.Dense(1)(x)
model = tf.keras.Model(inputs, outputs)
model.compile(tf.keras.optimizers.Adam(), tf.keras.losses.BinaryCrossentropy(from_logits=True))
train = tf.keras.utils.image_dataset_from_directory("cats_and_dogs", image_size=(150, 150))
model.fit(train, epochs=20)
