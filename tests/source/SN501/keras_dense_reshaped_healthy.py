import keras
from keras import layers


def make_generator(latent=128):
    """The dense layer has a bias for each pixel of a channel, which the normalization behind does not cancel."""
    return keras.Sequential(
        [
            keras.Input((latent,)),
            layers.Dense(7 * 7 * 256),
            layers.Reshape((7, 7, 256)),
            layers.BatchNormalization(momentum=0.9),
            layers.LeakyReLU(),
            layers.Conv2DTranspose(128, 5, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.LeakyReLU(),
            layers.Conv2DTranspose(1, 5, strides=2, padding="same", activation="tanh"),
        ]
    )


generator = make_generator()
generator.summary()
