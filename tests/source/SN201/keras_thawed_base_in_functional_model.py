"""Transfer learning: the head first, then the last blocks of the base network as well."""

import tensorflow as tf
from tensorflow.keras import layers

IMG_SIZE = (160, 160)
train_ds = tf.keras.utils.image_dataset_from_directory("birds/train", image_size=IMG_SIZE, batch_size=32)
val_ds = tf.keras.utils.image_dataset_from_directory("birds/val", image_size=IMG_SIZE, batch_size=32)

base_model = tf.keras.applications.MobileNetV2(input_shape=(*IMG_SIZE, 3), include_top=False, weights="imagenet")
base_model.trainable = False

inputs = tf.keras.Input(shape=(*IMG_SIZE, 3))
x = tf.keras.applications.mobilenet_v2.preprocess_input(inputs)
x = base_model(x, training=True)  # expect: SN201 likely
x = layers.GlobalAveragePooling2D()(x)
x = layers.Dropout(0.2)(x)
outputs = layers.Dense(20, activation="softmax")(x)
model = tf.keras.Model(inputs, outputs)

model.compile(tf.keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(train_ds, epochs=10, validation_data=val_ds)

base_model.trainable = True
for layer in base_model.layers[:100]:
    layer.trainable = False
model.compile(tf.keras.optimizers.Adam(1e-5), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(train_ds, epochs=10, initial_epoch=10, validation_data=val_ds)
model.save("birds.h5")
