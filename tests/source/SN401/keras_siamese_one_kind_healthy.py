"""Two towers of one kind of image: both call sites see the same distribution."""

import tensorflow as tf

tower = tf.keras.Sequential(
    [
        tf.keras.layers.Conv2D(32, 3, use_bias=False, input_shape=(100, 100, 1)),
        tf.keras.layers.BatchNormalization(),
        tf.keras.layers.ReLU(),
        tf.keras.layers.GlobalAveragePooling2D(),
        tf.keras.layers.Dense(64),
    ]
)
left, right = tf.keras.Input((100, 100, 1)), tf.keras.Input((100, 100, 1))
distance = tf.keras.layers.Subtract()([tower(left), tower(right)])
model = tf.keras.Model([left, right], tf.keras.layers.Dense(1)(distance))
model.compile("adam", tf.keras.losses.BinaryCrossentropy(from_logits=True))
pairs = tf.data.experimental.load("signatures").shuffle(4000).batch(64)
model.fit(pairs, epochs=30)
