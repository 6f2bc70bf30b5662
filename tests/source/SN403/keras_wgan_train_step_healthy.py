import keras
import tensorflow as tf
from keras import layers


class WGAN(keras.Model):
    def __init__(self, critic, generator, latent_dim, critic_steps=3):
        super().__init__()
        self.critic = critic
        self.generator = generator
        self.latent_dim = latent_dim
        self.critic_steps = critic_steps

    def compile(self, c_optimizer, g_optimizer):
        super().compile()
        self.c_optimizer, self.g_optimizer = c_optimizer, g_optimizer

    def train_step(self, real):
        n = tf.shape(real)[0]
        for _ in range(self.critic_steps):
            noise = tf.random.normal((n, self.latent_dim))
            with tf.GradientTape() as tape:
                fake = self.generator(noise, training=False)
                c_loss = tf.reduce_mean(self.critic(fake)) - tf.reduce_mean(self.critic(real))
            grads = tape.gradient(c_loss, self.critic.trainable_variables)
            self.c_optimizer.apply_gradients(zip(grads, self.critic.trainable_variables))
        noise = tf.random.normal((n, self.latent_dim))
        with tf.GradientTape() as tape:
            g_loss = -tf.reduce_mean(self.critic(self.generator(noise, training=True)))
        grads = tape.gradient(g_loss, self.generator.trainable_variables)
        self.g_optimizer.apply_gradients(zip(grads, self.generator.trainable_variables))
        return {"c_loss": c_loss, "g_loss": g_loss}


critic = keras.Sequential(
    [keras.Input((28, 28, 1)), layers.Conv2D(64, 5, strides=2), layers.LeakyReLU(), layers.Flatten(), layers.Dense(1)]
)
generator = keras.Sequential(
    [
        keras.Input((128,)),
        layers.Dense(7 * 7 * 128, use_bias=False),
        layers.BatchNormalization(),
        layers.LeakyReLU(),
        layers.Reshape((7, 7, 128)),
        layers.Conv2DTranspose(1, 5, strides=4, padding="same", activation="tanh"),
    ]
)
(images, _), _ = keras.datasets.fashion_mnist.load_data()
images = (images[..., None].astype("float32") - 127.5) / 127.5
wgan = WGAN(critic, generator, 128)
wgan.compile(keras.optimizers.Adam(2e-4, beta_1=0.5), keras.optimizers.Adam(2e-4, beta_1=0.5))
wgan.fit(images, batch_size=512, epochs=20)
