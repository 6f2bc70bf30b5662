import os

import keras
import numpy as np

LATENT = 100


def make_generator():
    return keras.Sequential(
        [
            keras.Input((LATENT,)),
            keras.layers.Dense(7 * 7 * 128, use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.LeakyReLU(),
            keras.layers.Reshape((7, 7, 128)),
            keras.layers.Conv2DTranspose(64, 5, strides=2, padding="same", use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.LeakyReLU(),
            keras.layers.Conv2DTranspose(1, 5, strides=2, padding="same", activation="tanh"),
        ]
    )


def sample(generator, count, seed=0):
    noise = np.random.default_rng(seed).normal(size=(count, LATENT)).astype("float32")
    images = generator(noise, training=False)
    return (keras.ops.convert_to_numpy(images) + 1) / 2


generator = make_generator()
generator.load_weights("generator.weights.h5")
os.makedirs("samples", exist_ok=True)
for index, image in enumerate(sample(generator, 64)):
    keras.utils.save_img(f"samples/{index}.png", image)
