import tensorflow as tf
from tensorflow.keras import layers

inp = layers.Input((64, 64, 1))
x = layers.Conv2D(16, 3, use_bias=False)(inp)
x = layers.BatchNormalization()(x)
x = layers.ReLU()(x)
x = layers.Flatten()(x)
a = layers.Dense(5, activation="softmax", name="digit")(x)
b = layers.Dense(2, activation="softmax", name="parity")(x)
model = tf.keras.Model(inputs=inp, outputs=[a, b])
model.compile(
    optimizer="adam", loss={"digit": "sparse_categorical_crossentropy", "parity": "sparse_categorical_crossentropy"}
)
model.fit(tf.data.experimental.load("d").shuffle(100).batch(64), epochs=5)
p = model.predict(tf.data.experimental.load("t").batch(64))
