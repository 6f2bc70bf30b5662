import tensorflow as tf


def scale(image):
    return tf.cast(image, tf.float32) / 127.5 - 1.0


def decoder(code):
    return tf.keras.Sequential(
        [
            tf.keras.layers.Dense(8 * 8 * 64, use_bias=False, input_shape=(code,)),
            tf.keras.layers.BatchNormalization(),
            tf.keras.layers.ReLU(),
            tf.keras.layers.Reshape((8, 8, 64)),
            tf.keras.layers.Conv2DTranspose(3, 5, strides=4, padding="same", activation="tanh"),
        ]
    )


encoder = tf.keras.Sequential([tf.keras.layers.Flatten(), tf.keras.layers.Dense(64)])
model = tf.keras.Sequential([encoder, decoder(64)])
optimizer = tf.keras.optimizers.Adam()
(images, _), _ = tf.keras.datasets.cifar10.load_data()
dataset = tf.data.Dataset.from_tensor_slices(images).map(scale).shuffle(50000).batch(64)

for epoch in range(30):
    for x in dataset:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(x - model(x, training=True)))
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables))
