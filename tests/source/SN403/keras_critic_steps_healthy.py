import tensorflow as tf
from tensorflow.keras import layers

LATENT, CRITIC_STEPS, BATCH = 128, 5, 64


def build_generator():
    return tf.keras.Sequential(
        [
            layers.Dense(4 * 4 * 256, use_bias=False, input_shape=(LATENT,)),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Reshape((4, 4, 256)),
            layers.Conv2DTranspose(3, 5, strides=8, padding="same", activation="tanh"),
        ]
    )


def build_critic():
    return tf.keras.Sequential(
        [
            layers.Conv2D(64, 5, strides=2, padding="same", input_shape=(32, 32, 3)),
            layers.LeakyReLU(),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )


generator, critic = build_generator(), build_critic()
g_opt, c_opt = tf.keras.optimizers.Adam(1e-4, 0.5), tf.keras.optimizers.Adam(1e-4, 0.5)


@tf.function
def critic_step(real):
    fake = generator(tf.random.normal([BATCH, LATENT]), training=False)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(critic(fake)) - tf.reduce_mean(critic(real))
    grads = tape.gradient(loss, critic.trainable_variables)
    c_opt.apply_gradients(zip(grads, critic.trainable_variables))


@tf.function
def generator_step():
    with tf.GradientTape() as tape:
        fake = generator(tf.random.normal([BATCH, LATENT]), training=True)
        loss = -tf.reduce_mean(critic(fake))
    grads = tape.gradient(loss, generator.trainable_variables)
    g_opt.apply_gradients(zip(grads, generator.trainable_variables))


data = iter(tf.data.experimental.load("cifar").shuffle(50000).repeat().batch(BATCH))
for step in range(100000):
    for _ in range(CRITIC_STEPS):
        critic_step(next(data))
    generator_step()
generator.save("generator.h5")
