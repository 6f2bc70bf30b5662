import numpy as np
import tensorflow as tf


class Generator(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = tf.keras.layers.Dense(128, use_bias=False)
        self.norm = tf.keras.layers.BatchNormalization()
        self.out = tf.keras.layers.Dense(2)

    def call(self, z, training=False):
        return self.out(tf.nn.relu(self.norm(self.dense(z), training=training)))


class Experiment:
    n_critic = 5

    def __init__(self):
        self.generator = Generator()
        self.critic = tf.keras.Sequential([tf.keras.layers.Dense(128, activation="relu"), tf.keras.layers.Dense(1)])
        self.g_opt = tf.keras.optimizers.RMSprop(5e-5)
        self.c_opt = tf.keras.optimizers.RMSprop(5e-5)

    def train_critic(self, points):
        z = tf.random.normal([len(points), 16])
        with tf.GradientTape() as tape:
            fake = self.generator(z, training=True)  # expect: SN403
            loss = tf.reduce_mean(self.critic(fake)) - tf.reduce_mean(self.critic(points))
        variables = self.critic.trainable_variables
        self.c_opt.apply_gradients(zip(tape.gradient(loss, variables), variables))

    def train_generator(self, count):
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(self.critic(self.generator(tf.random.normal([count, 16]), training=True)))
        variables = self.generator.trainable_variables
        self.g_opt.apply_gradients(zip(tape.gradient(loss, variables), variables))

    def run(self, points, steps):
        rng = np.random.default_rng(0)
        for _ in range(steps):
            for _ in range(self.n_critic):
                self.train_critic(points[rng.integers(len(points), size=256)])
            self.train_generator(256)


Experiment().run(np.load("swiss_roll.npy").astype("float32"), 30000)
