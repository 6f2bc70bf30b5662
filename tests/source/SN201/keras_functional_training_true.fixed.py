import tensorflow as tf
from tensorflow.keras import layers


def block(x, filters):
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return layers.ReLU()(x)


inputs = tf.keras.Input((96, 96, 3))
x = block(inputs, 32)
x = layers.MaxPooling2D()(x)
x = layers.Flatten()(x)
outputs = layers.Dense(4, activation="softmax")(x)
model = tf.keras.Model(inputs, outputs)

train = tf.keras.utils.image_dataset_from_directory("leaves/train", image_size=(96, 96))
test = tf.keras.utils.image_dataset_from_directory("leaves/test", image_size=(96, 96), shuffle=False)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(train, epochs=25)
print(model.evaluate(test))
