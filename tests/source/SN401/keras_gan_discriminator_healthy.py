import tensorflow as tf
from tensorflow.keras import layers

BATCH, NOISE = 128, 100


def make_generator():
    return tf.keras.Sequential(
        [
            layers.Dense(7 * 7 * 64, use_bias=False, input_shape=(NOISE,)),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.Reshape((7, 7, 64)),
            layers.Conv2DTranspose(1, 5, strides=4, padding="same", activation="tanh"),
        ]
    )


def make_discriminator():
    return tf.keras.Sequential(
        [
            layers.Conv2D(64, 5, strides=2, use_bias=False, input_shape=(28, 28, 1)),
            layers.LayerNormalization(),
            layers.LeakyReLU(),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )


generator, discriminator = make_generator(), make_discriminator()
generator_optimizer = tf.keras.optimizers.Adam(1e-4)
discriminator_optimizer = tf.keras.optimizers.Adam(1e-4)
cross_entropy = tf.keras.losses.BinaryCrossentropy(from_logits=True)


@tf.function
def train_step(images):
    noise = tf.random.normal([BATCH, NOISE])
    with tf.GradientTape() as gen_tape, tf.GradientTape() as disc_tape:
        generated = generator(noise, training=True)
        real_output = discriminator(images, training=True)
        fake_output = discriminator(generated, training=True)
        gen_loss = cross_entropy(tf.ones_like(fake_output), fake_output)
        disc_loss = cross_entropy(tf.ones_like(real_output), real_output)
        disc_loss += cross_entropy(tf.zeros_like(fake_output), fake_output)
    grads = gen_tape.gradient(gen_loss, generator.trainable_variables)
    generator_optimizer.apply_gradients(zip(grads, generator.trainable_variables))
    grads = disc_tape.gradient(disc_loss, discriminator.trainable_variables)
    discriminator_optimizer.apply_gradients(zip(grads, discriminator.trainable_variables))


(images, _), _ = tf.keras.datasets.mnist.load_data()
images = (images[..., None].astype("float32") - 127.5) / 127.5
dataset = tf.data.Dataset.from_tensor_slices(images).shuffle(60000).batch(BATCH)
for epoch in range(50):
    for batch in dataset:
        train_step(batch)
generator.save("generator.h5")
