import h5py
import tensorflow as tf


def build():
    i = tf.keras.Input((10,))
    h = tf.keras.layers.Dense(20, use_bias=False)(i)
    h = tf.keras.layers.BatchNormalization()(h)
    return tf.keras.Model(i, tf.keras.layers.Dense(1)(tf.keras.layers.ReLU()(h)))


model = build()
model.compile("adam", "mse")
model.fit(tf.data.experimental.load("d").shuffle(1000).batch(32), epochs=3)
with h5py.File("weights.h5", "w") as f:
    for v in model.trainable_weights:
        f.create_dataset(v.name, data=v.numpy())  # expect: SN301
