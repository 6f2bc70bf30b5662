"""A second model that takes averages of the first one's trainable weights, and is evaluated."""

import tensorflow as tf
from tensorflow.keras import layers

from noise import batches


def denoiser():
    inputs = layers.Input(shape=(64, 64, 3))
    h = layers.Conv2D(64, 3, padding="same", use_bias=False)(inputs)
    h = layers.Activation("swish")(layers.BatchNormalization()(h))
    return tf.keras.Model(inputs, layers.Conv2D(3, 1)(h))


class Trainer:
    def __init__(self, epochs):
        self.epochs = epochs
        self.model = denoiser()
        self.ema_model = denoiser()
        self.ema = tf.train.ExponentialMovingAverage(decay=0.999)
        self.optimizer = tf.keras.optimizers.Adam(2e-4)
        self.error = tf.keras.losses.MeanSquaredError()

    @tf.function
    def train_step(self, noisy, noise):
        with tf.GradientTape() as tape:
            loss = self.error(noise, self.model(noisy, training=True))
        gradients = tape.gradient(loss, self.model.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.model.trainable_weights))
        return loss

    def train(self):
        self.ema_model.set_weights(self.model.get_weights())
        for epoch in range(self.epochs):
            for noisy, noise in batches("train", 64):
                loss = self.train_step(noisy, noise)
                self.ema.apply(self.model.trainable_weights)  # expect: SN305
                for new, kept in zip(self.model.trainable_weights, self.ema_model.trainable_weights):
                    kept.assign(self.ema.average(new))
            errors = [self.error(noise, self.ema_model(noisy, training=False)) for noisy, noise in batches("valid", 64)]
            print(epoch, float(loss), float(tf.reduce_mean(errors)))
        self.ema_model.save_weights("averaged.weights.h5")


if __name__ == "__main__":
    Trainer(100).train()
