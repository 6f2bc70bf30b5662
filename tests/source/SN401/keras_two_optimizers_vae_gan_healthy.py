import tensorflow as tf
from tensorflow.keras import layers


def enc():
    return tf.keras.Sequential(
        [
            layers.Conv2D(32, 4, strides=2, use_bias=False, input_shape=(32, 32, 3)),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.Flatten(),
            layers.Dense(64),
        ]
    )


def dec():
    return tf.keras.Sequential(
        [
            layers.Dense(8 * 8 * 32, input_shape=(64,)),
            layers.Reshape((8, 8, 32)),
            layers.Conv2DTranspose(32, 4, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2DTranspose(3, 4, strides=2, padding="same", activation="tanh"),
        ]
    )


E, G = enc(), dec()
opt = tf.keras.optimizers.Adam(1e-4)


@tf.function
def step(x):
    with tf.GradientTape() as t:
        rec = G(E(x, training=True), training=True)
        loss = tf.reduce_mean(tf.abs(x - rec))
    v = E.trainable_variables + G.trainable_variables
    opt.apply_gradients(zip(t.gradient(loss, v), v))


def preview(x):
    return G(E(x, training=False), training=False)


ds = tf.data.experimental.load("faces").map(lambda x: tf.cast(x, tf.float32) / 127.5 - 1).shuffle(1000).batch(64)
for epoch in range(10):
    for x in ds:
        step(x)
    tf.keras.utils.save_img("p.png", preview(x)[0])
